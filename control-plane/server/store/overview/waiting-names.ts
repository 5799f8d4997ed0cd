/** How starts that wait are called, whose they are, and why they wait: what the line itself does not keep. */
import { type StartName, startKey } from "../../core/workloads/start.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../core/reasons/reason.ts";
import { storedReason, storedReasonColumn, type StoredReason } from "../database/values/reason-columns.ts";
import type { Connection } from "../database/database.ts";

export interface WaitingName {
  name: string;
  workspace_id: number | null;
  customer_id: number;
  username: string | null;
  reason: Reason | null;
}

interface Row extends Omit<WaitingName, "reason"> {
  kind: WorkloadKind;
  id: string;
  first_rank: number;
  /** What its own replica lacks goes before the status of its service. */
  stored: StoredReason;
}

/** By the start's key; what is there no more is missing. */
export async function waitingNames(
  sql: Connection,
  starts: readonly StartName[],
): Promise<Map<string, WaitingName>> {
  if (starts.length === 0) return new Map();
  const { rows } = await sql.query<Row>(
    `WITH asked AS (SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) AS a(kind, id, first_rank))
     SELECT n.kind, n.id, n.first_rank, n.name, n.workspace_id, n.customer_id, c.username,
            CASE WHEN i.lacks IS NULL THEN ${storedReasonColumn("r", "status_reason")}
              ELSE ${storedReasonColumn("i", "lacks")} END AS stored
       FROM (SELECT a.kind, a.id, a.first_rank, w.name, w.workspace_id, w.customer_id
               FROM asked a JOIN workloads w ON w.kind = a.kind AND w.id = a.id AND w.deleted_at IS NULL) n
       LEFT JOIN workload_reasons r ON r.kind = n.kind AND r.id = n.id
       LEFT JOIN customers c ON c.id = n.customer_id
       LEFT JOIN instances i ON i.workload_kind = n.kind AND i.workload_id = n.id AND i.rank = n.first_rank`,
    [starts.map(({ kind }) => kind), starts.map(({ id }) => id), starts.map(({ firstRank }) => firstRank)],
  );
  return new Map(
    rows.map(({ kind, id, first_rank: firstRank, stored, ...named }) => [
      startKey({ kind, id, firstRank }),
      { ...named, reason: storedReason(stored) },
    ]),
  );
}
