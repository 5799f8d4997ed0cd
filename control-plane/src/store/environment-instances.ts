/** An environment's instances as its people see them: where, on which cards, how long, and what it cost so far. */
import type { Connection } from "./database.ts";

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
  host_id: string;
  host_name: string;
  container_id: string | null;
  exit_code: number | null;
  placed_at: Date;
  gpus: InstanceGpu[];
  runs: InstanceRun[];
}

/** The newest runs that an answer carries; /billing has them all. */
const MAX_RUNS = 20;

/** The current placement of each instance; none before the first. */
export async function instancesOf(sql: Connection, environmentId: string): Promise<InstanceView[]> {
  const { rows } = await sql.query<Omit<InstanceView, "gpus" | "runs">>(
    `SELECT i.id, i.rank, p.epoch, p.state, p.want, p.detail, p.problem, p.host_id, h.name AS host_name, p.container_id,
            p.exit_code, p.created_at AS placed_at
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       JOIN hosts h ON h.id = p.host_id
      WHERE i.workload_kind = 'environment' AND i.workload_id = $1 ORDER BY i.rank`,
    [environmentId],
  );
  const views: InstanceView[] = [];
  for (const row of rows)
    views.push({ ...row, gpus: await gpusOf(sql, row), runs: await runsOf(sql, row.id) });
  return views;
}

async function gpusOf(sql: Connection, { id, epoch }: { id: string; epoch: number }): Promise<InstanceGpu[]> {
  const { rows } = await sql.query<InstanceGpu>(
    `SELECT a.gpu_uuid AS uuid, g.name AS model, g.simulated, a.memory_mib
       FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid
      WHERE a.instance_id = $1 AND a.epoch = $2 AND a.released_at IS NULL ORDER BY g.gpu_index`,
    [id, epoch],
  );
  return rows;
}

async function runsOf(sql: Connection, instanceId: string): Promise<InstanceRun[]> {
  const { rows } = await sql.query<InstanceRun>(
    `SELECT id, ordered_at, first_proven_at, last_proven_at, closed_at, proven_ms, waived_ms, billed_minutes,
            posted_amount AS charged
       FROM runs WHERE instance_id = $1 ORDER BY ordered_at DESC, id DESC LIMIT $2`,
    [instanceId, MAX_RUNS],
  );
  return rows;
}

/** Where a short command for the environment goes; null unless its container is up. */
export async function execTarget(
  sql: Connection,
  environmentId: string,
): Promise<{ host_id: string; instance_id: string } | null> {
  const { rows } = await sql.query<{ host_id: string; instance_id: string }>(
    `SELECT p.host_id, p.instance_id FROM instances i
       JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE i.workload_kind = 'environment' AND i.workload_id = $1 AND p.state = 'ready' AND p.want = 'running'`,
    [environmentId],
  );
  return rows[0] ?? null;
}
