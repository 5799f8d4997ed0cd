/** What administrators put before all others that wait. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../database/database.ts";

/** False where it was so already. */
export async function setUrgent(
  sql: Connection,
  { kind, id, isUrgent, now }: { kind: WorkloadKind; id: string; isUrgent: boolean; now: Date },
): Promise<boolean> {
  const { rowCount } = isUrgent
    ? await sql.change(
        "INSERT INTO urgent_workloads (workload_kind, workload_id, set_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        [kind, id, now],
      )
    : await sql.change("DELETE FROM urgent_workloads WHERE workload_kind = $1 AND workload_id = $2", [
        kind,
        id,
      ]);
  return rowCount > 0;
}

/** Takes back what is said of workloads that are deleted or over. */
export async function forgetUrgent(sql: Connection): Promise<void> {
  await sql.change(
    `DELETE FROM urgent_workloads u WHERE NOT EXISTS (
       SELECT FROM workloads t
        WHERE t.kind = u.workload_kind AND t.id = u.workload_id AND t.deleted_at IS NULL AND NOT t.is_over)`,
    [],
  );
}
