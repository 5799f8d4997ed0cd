/** Instances of workloads: made with their first placement, and raised to the next epoch with every other. */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";

export interface InstanceRequest {
  /** For one that is not there yet. */
  newInstanceId: string;
  kind: WorkloadKind;
  workloadId: string;
  rank: number;
}

/** Each at an epoch beyond any that a host has known, in the order asked; none is asked twice. */
export async function nextEpochs(
  sql: Connection,
  requested: readonly InstanceRequest[],
): Promise<{ instanceId: string; epoch: number }[]> {
  const { rows } = await sql.change<{
    id: string;
    workload_kind: WorkloadKind;
    workload_id: string;
    rank: number;
    current_epoch: number;
  }>(
    `INSERT INTO instances (id, workload_kind, workload_id, rank, current_epoch, state)
     SELECT a.*, 1, 'placed' FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) AS a
     ON CONFLICT (workload_kind, workload_id, rank)
       DO UPDATE SET current_epoch = greatest(instances.current_epoch, instances.known_epoch) + 1, state = 'placed'
     RETURNING id, workload_kind, workload_id, rank, current_epoch`,
    [
      requested.map(({ newInstanceId }) => newInstanceId),
      requested.map(({ kind }) => kind),
      requested.map(({ workloadId }) => workloadId),
      requested.map(({ rank }) => rank),
    ],
  );
  const keyOf = (kind: string, workloadId: string, rank: number) => `${kind} ${workloadId} ${rank}`;
  const made = new Map(rows.map((row) => [keyOf(row.workload_kind, row.workload_id, row.rank), row]));
  return requested.flatMap(({ kind, workloadId, rank }) => {
    const row = made.get(keyOf(kind, workloadId, rank));
    return row === undefined ? [] : [{ instanceId: row.id, epoch: row.current_epoch }];
  });
}
