/** Workloads whose status follows from the reports of their instances by the pass over workloads. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { WorkloadStatus } from "../../core/workloads/kinds.ts";
import type { Connection } from "../database/database.ts";
import { ofAllKinds } from "./kinds.ts";

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
    `SELECT d.kind, d.id, d.status, d.reason FROM (${DERIVED}) d
      WHERE $1::text IS NULL OR (d.kind, d.id) > ($1, $2) ORDER BY d.kind, d.id LIMIT $3`,
    [after?.kind ?? null, after?.id ?? null, limit],
  );
  return rows;
}

const DERIVED = ofAllKinds(
  (kind, { table, isDerived }) =>
    `SELECT '${kind}' AS kind, o.id::text AS id, o.status, o.status_reason AS reason FROM ${table} o
      WHERE ${isDerived} AND o.deleted_at IS NULL
        AND EXISTS (SELECT FROM instances i WHERE i.workload_kind = '${kind}' AND i.workload_id = o.id)`,
);
