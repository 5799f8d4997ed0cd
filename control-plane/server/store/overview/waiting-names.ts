/** How starts that wait are called, whose they are, and why they wait: what the line itself does not keep. */
import { type StartName, startKey } from "../../core/workloads/start.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../database/database.ts";

export interface WaitingName {
  name: string;
  workspace_id: number | null;
  customer_id: number;
  username: string | null;
  reason: string | null;
}

/** By the start's key; what is there no more is missing. */
export async function waitingNames(
  sql: Connection,
  starts: readonly StartName[],
): Promise<Map<string, WaitingName>> {
  if (starts.length === 0) return new Map();
  const { rows } = await sql.query<WaitingName & { kind: WorkloadKind; id: string; first_rank: number }>(
    `WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) AS a(kind, id, first_rank))
     SELECT n.*, c.username, coalesce(i.lacks, n.status_reason) AS reason
       FROM (SELECT a.kind, a.id, a.first_rank, w.name, w.workspace_id, w.customer_id, w.status_reason
               FROM asked a JOIN workloads w ON w.kind = a.kind AND w.id = a.id AND w.deleted_at IS NULL) n
       LEFT JOIN customers c ON c.id = n.customer_id
       LEFT JOIN instances i ON i.workload_kind = n.kind AND i.workload_id = n.id AND i.rank = n.first_rank`,
    [starts.map(({ kind }) => kind), starts.map(({ id }) => id), starts.map(({ firstRank }) => firstRank)],
  );
  return new Map(
    rows.map(({ kind, id, first_rank: firstRank, ...named }) => [startKey({ kind, id, firstRank }), named]),
  );
}
