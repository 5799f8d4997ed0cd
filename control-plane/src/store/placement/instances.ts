/** A workload's instances as its people see them: where, on which cards, how long, and what it cost so far. */
import type { WorkloadKind } from "@remotegpu/shared/workload";
import type { Connection } from "../database.ts";

export interface InstanceGpu {
  uuid: string;
  model: string | null;
  simulated: boolean;
  /** The slice's size; null for a whole card. */
  memory_mib: number | null;
}

export interface InstanceRun {
  id: string;
  ordered_at: Date;
  first_proven_at: Date | null;
  last_proven_at: Date | null;
  closed_at: Date | null;
  proven_ms: number;
  waived_ms: number;
  billed_minutes: number;
  /** Points charged so far, a decimal. */
  charged: string;
}

export interface InstanceView {
  id: string;
  rank: number;
  epoch: number;
  state: string;
  want: string;
  detail: string | null;
  problem: string | null;
  /** The run that is wanted now. */
  run_id: string | null;
  host_id: string;
  host_name: string;
  container_id: string | null;
  exit_code: number | null;
  placed_at: Date;
  gpus: InstanceGpu[];
  runs: InstanceRun[];
}

/** The newest runs that an answer carries of each instance; /billing has them all. */
const MAX_RUNS = 20;

/** The current placement of each instance, by workload; none before the first. */
export async function instancesOf(
  sql: Connection,
  kind: WorkloadKind,
  workloadIds: readonly string[],
): Promise<Map<string, InstanceView[]>> {
  const { rows } = await sql.query<Omit<InstanceView, "gpus" | "runs"> & { workload_id: string }>(
    `SELECT i.workload_id, i.id, i.rank, p.epoch, p.state, p.want, p.detail, p.problem, p.run_id,
            p.host_id, h.name AS host_name, p.container_id, p.exit_code, p.created_at AS placed_at
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       JOIN hosts h ON h.id = p.host_id
      WHERE i.workload_kind = $2 AND i.workload_id = ANY($1::text[]) ORDER BY i.workload_id, i.rank`,
    [workloadIds, kind],
  );
  const ids = rows.map(({ id }) => id);
  const gpus = await gpusOf(sql, ids);
  const runs = await runsOf(sql, ids);
  const views = new Map<string, InstanceView[]>(workloadIds.map((id) => [id, []]));
  for (const { workload_id, ...row } of rows)
    views.get(workload_id)?.push({
      ...row,
      gpus: gpus.filter((gpu) => gpu.instance_id === row.id).map(({ instance_id: _id, ...gpu }) => gpu),
      runs: runs.filter((run) => run.instance_id === row.id).map(({ instance_id: _id, ...run }) => run),
    });
  return views;
}

async function gpusOf(
  sql: Connection,
  instanceIds: string[],
): Promise<(InstanceGpu & { instance_id: string })[]> {
  const { rows } = await sql.query<InstanceGpu & { instance_id: string }>(
    `SELECT a.instance_id, a.gpu_uuid AS uuid, g.name AS model, g.simulated, a.memory_mib
       FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid
       JOIN instances i ON i.id = a.instance_id AND i.current_epoch = a.epoch
      WHERE a.instance_id = ANY($1::text[]) AND a.released_at IS NULL ORDER BY a.instance_id, g.gpu_index`,
    [instanceIds],
  );
  return rows;
}

async function runsOf(
  sql: Connection,
  instanceIds: string[],
): Promise<(InstanceRun & { instance_id: string })[]> {
  const { rows } = await sql.query<InstanceRun & { instance_id: string }>(
    `SELECT instance_id, id, ordered_at, first_proven_at, last_proven_at, closed_at, proven_ms, waived_ms,
            billed_minutes, posted_amount AS charged
       FROM (SELECT r.*, row_number() OVER (PARTITION BY instance_id ORDER BY ordered_at DESC, id DESC) AS nth
               FROM runs r WHERE instance_id = ANY($1::text[])) newest
      WHERE nth <= $2 ORDER BY instance_id, nth`,
    [instanceIds, MAX_RUNS],
  );
  return rows;
}
