/** What the readers of streams may see now, of all of them with a few questions: it is asked again every few seconds. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { BILL_READERS, type WorkspaceRole } from "../../../core/accounts/access-rights.ts";
import { isExpired } from "../../../core/accounts/key-scopes.ts";
import { type Owner, type Sight, workloadTopic } from "../../../core/stream/topics.ts";
import { HOLDER_COLUMNS, holderOf, type HolderRow, IS_LIVE } from "../../accounts/api-keys.ts";
import { LIVE } from "../../accounts/workspaces.ts";
import type { Connection } from "../../database/database.ts";

/** By the number of the key; one that opens nothing any more is missing. */
export async function sightsOf(
  sql: Connection,
  { apiKeyIds, now }: { apiKeyIds: readonly number[]; now: Date },
): Promise<ReadonlyMap<number, Sight>> {
  const { rows } = await sql.query<HolderRow>(
    `SELECT ${HOLDER_COLUMNS} FROM api_keys k JOIN customers c ON c.id = k.customer_id
      WHERE k.id = ANY($1::bigint[]) AND ${IS_LIVE}`,
    [apiKeyIds],
  );
  const holders = rows
    .map(holderOf)
    .filter(
      ({ customerStatus, actor }) => customerStatus === "active" && !isExpired(actor.keyExpiresAt, now),
    );
  const seats = await seatsOf(
    sql,
    holders.map(({ actor }) => actor.customerId),
  );
  return new Map(
    holders.map(({ actor: { apiKeyId, customerId, isAdmin, keyRights } }) => {
      const own = seats.get(customerId) ?? [];
      const paid = own.filter(({ role }) => BILL_READERS.includes(role));
      return [
        apiKeyId,
        {
          isAdmin,
          customerId,
          scopes: new Set(keyRights.role === "account" ? keyRights.scopes : []),
          workspaceIds: new Set(own.map(({ workspaceId }) => workspaceId)),
          payerIds: new Set([customerId, ...paid.map(({ ownerId }) => ownerId)]),
        },
      ];
    }),
  );
}

interface Seat {
  workspaceId: number;
  ownerId: number;
  role: WorkspaceRole;
}

/** Where each of them is active, as roleOf of workspaces.ts has it. */
async function seatsOf(
  sql: Connection,
  customerIds: readonly number[],
): Promise<ReadonlyMap<number, Seat[]>> {
  const { rows } = await sql.query<Seat & { customerId: number }>(
    `SELECT w.owner_id AS "customerId", w.id AS "workspaceId", w.owner_id AS "ownerId", 'owner' AS role
       FROM workspaces w WHERE w.owner_id = ANY($1::bigint[]) AND ${LIVE}
     UNION ALL
     SELECT m.customer_id, w.id, w.owner_id, coalesce(m.role, 'member')
       FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
      WHERE m.customer_id = ANY($1::bigint[]) AND ${LIVE} AND coalesce(m.status, 'active') = 'active'
        AND coalesce(m.role, 'member') IN ('admin', 'member', 'viewer')`,
    [customerIds],
  );
  return Map.groupBy(rows, ({ customerId }) => customerId);
}

/** Those of the sessions that open something. */
export async function liveSessions(
  sql: Connection,
  { sessionIds, now }: { sessionIds: readonly number[]; now: Date },
): Promise<ReadonlySet<number>> {
  if (sessionIds.length === 0) return new Set();
  const { rows } = await sql.query<{ id: number }>(
    "SELECT id FROM browser_sessions WHERE id = ANY($1::bigint[]) AND expires_at > $2",
    [sessionIds, now],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Whose each workload is, by its topic; one that does not exist is missing. */
export async function ownersOf(
  sql: Connection,
  workloads: readonly { kind: WorkloadKind; id: string }[],
): Promise<ReadonlyMap<string, Owner>> {
  if (workloads.length === 0) return new Map();
  const { rows } = await sql.query<{
    kind: WorkloadKind;
    id: string;
    customer_id: number | null;
    workspace_id: number | null;
  }>(
    `SELECT o.kind, o.id, o.customer_id, w.id AS workspace_id
       FROM workloads o JOIN unnest($1::text[], $2::text[]) AS asked (kind, id) ON asked.kind = o.kind AND asked.id = o.id
       LEFT JOIN workspaces w ON w.id = o.workspace_id AND ${LIVE}`,
    [workloads.map(({ kind }) => kind), workloads.map(({ id }) => id)],
  );
  return new Map(
    rows.map((row) => [
      workloadTopic(row.kind, row.id),
      { customerId: row.customer_id, workspaceId: row.workspace_id },
    ]),
  );
}
