/** How keys that are shown at a gateway stand to the services they are shown for, by one query for all. */
import type { WorkspaceRole } from "../../../core/accounts/access-rights.ts";
import type { KeyRights, KeyScope } from "../../../core/accounts/key-scopes.ts";
import type { KeyState } from "../../../core/gateway/services/call-right.ts";
import type { KeyLimits } from "../../../core/gateway/services/key-limits.ts";
import { rightsOf } from "../../accounts/api-keys.ts";
import { LIVE, roleOf } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";

export interface PresentedServiceKey {
  serviceId: string;
  keyHash: string;
}

interface Row {
  nth: number;
  name: string | null;
  requests_per_minute: number | null;
  max_in_flight: number | null;
  tokens_per_day: number | null;
  username: string | null;
  key_role: KeyRights["role"];
  key_scopes: KeyScope[] | null;
  is_own: boolean;
  is_in_workspace: boolean;
  workspace_role: WorkspaceRole | null;
}

/** In the order of the questions; null for one that opens nothing there. */
export async function keyStates(
  sql: Connection,
  presented: readonly PresentedServiceKey[],
  now: Date,
): Promise<(KeyState | null)[]> {
  if (presented.length === 0) return [];
  const { rows } = await sql.query<Row>(
    `SELECT a.nth, sk.name, sk.requests_per_minute, sk.max_in_flight, sk.tokens_per_day::float8 AS tokens_per_day, c.username, k.role AS key_role, k.scopes AS key_scopes,
            coalesce(s.customer_id = c.id, false) AS is_own, w.id IS NOT NULL AS is_in_workspace,
            ${roleOf("c.id")} AS workspace_role
       FROM unnest($1::int[], $2::text[], $3::text[]) AS a(nth, service_id, key_hash)
       JOIN inference_services s ON s.id = a.service_id AND s.deleted_at IS NULL
       LEFT JOIN service_keys sk ON sk.service_id = s.id AND sk.key_hash = a.key_hash AND sk.revoked_at IS NULL
        AND (sk.expires_at IS NULL OR sk.expires_at > $4)
       LEFT JOIN api_keys k ON k.key_hash = a.key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $4)
       LEFT JOIN customers c ON c.id = k.customer_id AND c.deleted_at IS NULL AND coalesce(c.status, 'active') = 'active'
       LEFT JOIN workspaces w ON w.id = s.workspace_id AND ${LIVE}`,
    [
      presented.map((_, nth) => nth),
      presented.map(({ serviceId }) => serviceId),
      presented.map(({ keyHash }) => keyHash),
      now,
    ],
  );
  const byNth = new Map(rows.map((row) => [row.nth, stateOf(row)]));
  return presented.map((_, nth) => byNth.get(nth) ?? null);
}

function stateOf(row: Row): KeyState | null {
  if (row.name !== null) return { kind: "service", name: row.name, limits: limitsOf(row) };
  if (row.username === null) return null;
  return {
    kind: "person",
    username: row.username,
    rights: rightsOf({ role: row.key_role, scopes: row.key_scopes ?? [] }),
    role: row.is_in_workspace ? row.workspace_role : row.is_own ? "owner" : null,
    isOwn: row.is_own,
  };
}

function limitsOf({
  requests_per_minute: requestsPerMinute,
  max_in_flight: maxInFlight,
  tokens_per_day: tokensPerDay,
}: Row): KeyLimits | null {
  const isFree = requestsPerMinute === null && maxInFlight === null && tokensPerDay === null;
  return isFree ? null : { requestsPerMinute, maxInFlight, tokensPerDay };
}
