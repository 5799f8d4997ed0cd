/** Workloads whose status follows from the reports of their instances by the pass over workloads. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { WorkloadStatus } from "../../core/workloads/kinds.ts";
import type { Connection } from "../database/database.ts";

export interface DerivedWorkload {
  kind: WorkloadKind;
  id: string;
  status: WorkloadStatus;
  reason: string | null;
}

/** Those that hosts have something of, in one fixed order; a page begins after the last of the one before. */
export async function derivedWorkloads(
  sql: Connection,
  { after, limit }: { after: Pick<DerivedWorkload, "kind" | "id"> | null; limit: number },
): Promise<DerivedWorkload[]> {
  const { rows } = await sql.query<DerivedWorkload>(
    `SELECT o.kind, o.id, o.status, o.status_reason AS reason FROM workloads o
      WHERE o.is_derived AND o.deleted_at IS NULL AND ($1::text IS NULL OR (o.kind, o.id::text) > ($1, $2))
        AND EXISTS (SELECT FROM instances i WHERE i.workload_kind = o.kind AND i.workload_id = o.id)
      ORDER BY o.kind, o.id::text LIMIT $3`,
    [after?.kind ?? null, after?.id ?? null, limit],
  );
  return rows;
}
