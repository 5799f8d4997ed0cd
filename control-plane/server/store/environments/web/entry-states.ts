/**
 * How those who are at the gateway stand to the environments they ask for, by one query for one of them or for all who are
 * in: their key or share, their role, and where the environment runs now.
 */
import { storedReason, storedReasonColumn, type StoredReason } from "../../database/values/reason-columns.ts";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { ServiceAnswers } from "@remotegpu/shared/instance/instance";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import type { WorkspaceRole } from "../../../core/accounts/access-rights.ts";
import type { KeyRights, KeyScope } from "../../../core/accounts/key-scopes.ts";
import type { PlacedEnvironment, EntryState } from "../../../core/gateway/admission.ts";
import type { Entry } from "../../../core/gateway/entry.ts";
import { rightsOf } from "../../accounts/api-keys.ts";
import { LIVE, roleOf } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";
import { knownStatus } from "../../database/values/old-values.ts";

export interface EntryQuestion {
  entry: Entry;
  environmentId: string;
}

interface Row {
  nth: number;
  key_role: KeyRights["role"] | null;
  key_scopes: KeyScope[] | null;
  share_target: string | null;
  person_id: number | null;
  is_own: boolean;
  is_in_workspace: boolean;
  workspace_role: WorkspaceRole | null;
  env_id: string | null;
  name: string;
  status: EnvironmentStatus;
  status_reason: StoredReason;
  wakes: boolean;
  stopped_at: Date | null;
  ssh: boolean;
  rdp: boolean;
  jupyter: boolean;
  tensorboard: boolean;
  terminal: boolean;
  image_brings: string[] | null;
  services: ServiceAnswers | null;
  host_id: HostId | null;
  host_name: string | null;
  instance_id: InstanceId | null;
  epoch: number | null;
}

/** In the order of the questions. */
export async function entryStates(
  sql: Connection,
  requested: readonly EntryQuestion[],
  now: Date,
): Promise<EntryState[]> {
  if (requested.length === 0) return [];
  const { rows } = await sql.query<Row>(
    `SELECT a.nth, k.role AS key_role, k.scopes AS key_scopes, s.target AS share_target, c.id AS person_id,
            coalesce(e.customer_id = c.id, false) AS is_own, w.id IS NOT NULL AS is_in_workspace,
            ${roleOf("c.id")} AS workspace_role, e.id AS env_id, e.name, ${knownStatus("environment", "e")} AS status,
            ${storedReasonColumn("e", "status_reason")} AS status_reason, coalesce(e.config->'wake' = 'true', false) AS wakes, e.stopped_at,
            coalesce(e.ssh_enabled, true) AS ssh, coalesce(e.rdp_enabled, false) AS rdp,
            coalesce(e.jupyter_enabled, true) AS jupyter,
            coalesce(e.tensorboard_enabled, false) AS tensorboard, coalesce(e.web_terminal_enabled, true) AS terminal,
            p.image_brings, p.services, p.host_id, h.name AS host_name, p.instance_id, p.epoch
       FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::text[]) AS a(nth, key_id, share_id, env_id)
       LEFT JOIN api_keys k ON k.id = a.key_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $5)
       LEFT JOIN web_shares s ON s.id = a.share_id AND s.env_id = a.env_id AND s.ended_at IS NULL AND s.expires_at > $5
       LEFT JOIN customers c ON c.id = coalesce(k.customer_id, s.customer_id) AND c.deleted_at IS NULL
        AND coalesce(c.status, 'active') = 'active'
       LEFT JOIN environments e ON e.id = a.env_id AND e.deleted_at IS NULL
       LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
       LEFT JOIN LATERAL (SELECT p.instance_id, p.epoch, p.host_id, p.image_brings, p.services
                            FROM instances i JOIN placements p ON p.instance_id = i.id
                           WHERE i.workload_kind = 'environment' AND i.workload_id = e.id AND p.want = 'running'
                             AND p.gone_at IS NULL AND p.resources_released_at IS NULL
                           ORDER BY p.epoch DESC LIMIT 1) p ON true
       LEFT JOIN hosts h ON h.id = p.host_id`,
    [
      requested.map((_, nth) => nth),
      requested.map(({ entry }) => (entry.kind === "person" ? entry.keyId : null)),
      requested.map(({ entry }) => (entry.kind === "share" ? entry.shareId : null)),
      requested.map(({ environmentId }) => environmentId),
      now,
    ],
  );
  return rows.sort((a, b) => a.nth - b.nth).map(stateOf);
}

function stateOf(row: Row): EntryState {
  const isKnown = row.person_id !== null;
  return {
    keyRights:
      row.key_role !== null && isKnown
        ? rightsOf({ role: row.key_role, scopes: row.key_scopes ?? [] })
        : null,
    share: row.share_target === null ? null : { target: row.share_target },
    person: isKnown ? { role: roleIn(row), isOwn: row.is_own } : null,
    environment: environmentOf(row),
  };
}

/** Outside every workspace, and in one that is gone, it is its customer's alone. */
function roleIn(row: Row): WorkspaceRole | null {
  if (row.is_in_workspace) return row.workspace_role;
  return row.is_own ? "owner" : null;
}

function environmentOf(row: Row): PlacedEnvironment | null {
  if (row.env_id === null) return null;
  const { host_id, host_name, instance_id, epoch, ssh, rdp, jupyter, tensorboard, terminal } = row;
  const isPlaced = host_id !== null && instance_id !== null && epoch !== null;
  return {
    id: row.env_id,
    name: row.name,
    status: row.status,
    statusReason: storedReason(row.status_reason),
    wakes: row.wakes,
    stoppedAt: row.stopped_at,
    switches: { ssh, rdp, jupyter, tensorboard, terminal },
    brings: row.image_brings,
    services: row.services,
    place: isPlaced
      ? { hostId: host_id, hostName: host_name ?? host_id, instanceId: instance_id, epoch }
      : null,
  };
}

/**
 * The environment whose id cannot stand in a name; null where none has that hash. `hash`: the first 20 digits of its
 * SHA-256 in hex.
 */
export async function environmentByHash(sql: Connection, hash: string): Promise<string | null> {
  const { rows } = await sql.query<{ id: string }>(
    "SELECT id FROM environments WHERE web_name_of(id) = $1 AND deleted_at IS NULL LIMIT 2",
    [hash],
  );
  return rows.length === 1 ? (rows[0]?.id ?? null) : null;
}
