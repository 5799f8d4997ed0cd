/**
 * Runs: opened with their lines when a placement is made, waived from a moment on, closed by their final row. Their
 * prices are in run-lines.ts, their proven time in run-time.ts; what they cost is posted by charging.ts.
 */
import { formatQuantity, parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { PricedLine } from "../../../core/billing/rating.ts";
import { rulesOf } from "../../../core/workloads/kinds.ts";
import { type StartName, startKey } from "../../../core/workloads/start.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import type { Transaction } from "../../database/database.ts";

export interface NewRun {
  readonly id: string;
  readonly instanceId: string;
  readonly epoch: number;
  readonly hostId: string;
  /** The payer, frozen here. */
  readonly customerId: number;
  readonly orderedBy: number | null;
  readonly workspaceId: number | null;
  readonly resourceType: WorkloadKind;
  readonly resourceId: string;
  readonly resourceName: string;
  readonly spec: string;
  readonly gpuModel: string | null;
  readonly orderedAt: Date;
  /** As linesForOrder gave them; their prices are not kept, since the first proven millisecond decides. */
  readonly lines: readonly Pick<PricedLine, "line" | "quantity">[];
}

export interface Run {
  readonly id: string;
  readonly instanceId: string;
  readonly epoch: number;
  readonly hostId: string;
  readonly customerId: number;
  readonly workspaceId: number | null;
  readonly resourceType: WorkloadKind;
  readonly resourceId: string;
  readonly resourceName: string | null;
  readonly spec: string;
  readonly gpuModel: string | null;
  readonly orderedAt: Date;
  readonly firstProvenAt: Date | null;
  readonly lastProvenAt: Date | null;
  readonly waiveFrom: Date | null;
  readonly closedAt: Date | null;
  readonly postedAmount: Points;
  readonly uncharged: boolean;
}

/** Call in the transaction that makes the placements. */
export async function openRuns(sql: Transaction, runs: readonly NewRun[]): Promise<void> {
  await Promise.all([insertRuns(sql, runs), insertLines(sql, runs)]);
}

async function insertRuns(sql: Transaction, runs: readonly NewRun[]): Promise<void> {
  await sql.change(
    `INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, ordered_by, workspace_id, resource_type,
                       resource_id, resource_name, spec, gpu_model, ordered_at, is_loading)
     SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
                          $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[],
                          $14::boolean[])`,
    [
      runs.map((run) => run.id),
      runs.map((run) => run.instanceId),
      runs.map((run) => run.epoch),
      runs.map((run) => run.hostId),
      runs.map((run) => run.customerId),
      runs.map((run) => run.orderedBy),
      runs.map((run) => run.workspaceId),
      runs.map((run) => run.resourceType),
      runs.map((run) => run.resourceId),
      runs.map((run) => run.resourceName),
      runs.map((run) => run.spec),
      runs.map((run) => run.gpuModel),
      runs.map((run) => run.orderedAt),
      runs.map((run) => (rulesOf(run.resourceType).mayLoadFree ? true : null)),
    ],
  );
}

async function insertLines(sql: Transaction, runs: readonly NewRun[]): Promise<void> {
  const lines = runs.flatMap((run) => run.lines.map((line) => ({ ...line, runId: run.id })));
  await sql.change(
    "INSERT INTO run_lines (run_id, line, quantity) SELECT * FROM unnest($1::text[], $2::text[], $3::numeric[])",
    [
      lines.map(({ runId }) => runId),
      lines.map(({ line }) => line),
      lines.map(({ quantity }) => formatQuantity(quantity)),
    ],
  );
}

const COLUMNS = `id, instance_id, epoch, host_id, customer_id, workspace_id, resource_type, resource_id, resource_name,
  spec, gpu_model, ordered_at, first_proven_at, last_proven_at, waive_from, closed_at, posted_amount, uncharged`;

/** Holds the runs to the end of the transaction, in the order of their ids, so that nobody waits in a circle. */
export async function lockRuns(sql: Transaction, runIds: readonly string[]): Promise<Map<string, Run>> {
  if (runIds.length === 0) return new Map();
  const { rows } = await sql.query<RunRow>(
    `SELECT ${COLUMNS} FROM runs WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE`,
    [runIds],
  );
  return new Map(rows.map((row) => [row.id, runOf(row)]));
}

export async function lockRun(sql: Transaction, runId: string): Promise<Run | null> {
  return (await lockRuns(sql, [runId])).get(runId) ?? null;
}

/** Its end is known: no later time can be this run's. What is proven until then still counts, whenever it arrives. */
export async function closeRun(sql: Transaction, runId: string, at: Date): Promise<void> {
  await sql.change("UPDATE runs SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL", [runId, at]);
}

/**
 * Of a container that never ran no last row will come: nothing of it is left on its host, so it has no time. One that was
 * ever told ready has some, be its rows still on their way.
 */
export async function closeUnbegunRun(sql: Transaction, runId: string, at: Date): Promise<void> {
  await sql.change(
    `UPDATE runs SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL AND first_proven_at IS NULL
        AND NOT EXISTS (SELECT FROM run_readiness y WHERE y.run_id = runs.id)`,
    [runId, at],
  );
}

/**
 * From this moment on the run's time is metered but not charged; an earlier moment stays. Used for stop orders
 * (a customer's own: 60 s later), for re-placements, and for what its host itself called over.
 */
export async function waiveRun(
  sql: Transaction,
  { runId, from, reason }: { runId: string; from: Date; reason: string },
): Promise<void> {
  await waiveRuns(sql, { runIds: [runId], from, reason });
}

/** The same of several, which the caller holds. */
async function waiveRuns(
  sql: Transaction,
  { runIds, from, reason }: { runIds: readonly string[]; from: Date; reason: string },
): Promise<void> {
  await sql.change(
    `UPDATE runs SET waive_from = $2, waive_reason = $3, uncharged = uncharged OR coalesce(last_proven_at > $2, false)
      WHERE id = ANY($1::text[]) AND (waive_from IS NULL OR waive_from > $2)`,
    [runIds, from, reason],
  );
}

/**
 * The instances are placed anew: runs of their earlier placements that are not over are waived from then on. Held by
 * the caller, who locks runs before accounts and hosts.
 */
export async function waiveEarlierRuns(
  sql: Transaction,
  { runIds, from }: { runIds: readonly string[]; from: Date },
): Promise<void> {
  if (runIds.length > 0) await waiveRuns(sql, { runIds, from, reason: "host-stop: placed anew" });
}

interface RunOfStart {
  id: string;
  start: StartName;
}

/** The open runs of these starts' instances, held to the end of the transaction, in the order of their ids. */
export async function lockOpenRunsOf(sql: Transaction, starts: readonly StartName[]): Promise<RunOfStart[]> {
  const requested = new Set(starts.map(startKey));
  return (await lockOpenRunsIn(sql, starts)).filter(({ start }) => requested.has(startKey(start)));
}

/** Likewise of all that these workloads have. */
export async function lockOpenRunsIn(
  sql: Transaction,
  workloads: readonly WorkloadName[],
): Promise<RunOfStart[]> {
  const { rows } = await sql.query<{
    id: string;
    kind: WorkloadKind;
    workload_id: string;
    rank: number;
  }>(
    `SELECT r.id, r.resource_type AS kind, r.resource_id AS workload_id, i.rank
       FROM runs r JOIN instances i ON i.id = r.instance_id
      WHERE r.resource_id = ANY($2::text[]) AND r.closed_at IS NULL
        AND (r.resource_type, r.resource_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
      ORDER BY r.id FOR NO KEY UPDATE OF r`,
    [workloads.map(({ kind }) => kind), workloads.map(({ id }) => id)],
  );
  return rows.map(({ id, kind, workload_id, rank }) => ({
    id,
    start: { kind, id: workload_id, firstRank: rulesOf(kind).firstRank(rank) },
  }));
}

/** Likewise for runs of one placement: the named ones, or all of them. */
export async function waiveRunsOf(
  sql: Transaction,
  placement: {
    instanceId: string;
    epoch: number;
    runIds: readonly string[] | "all";
    from: Date;
    reason: string;
  },
): Promise<void> {
  const { instanceId, epoch, runIds, from, reason } = placement;
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM runs
      WHERE instance_id = $1 AND epoch = $2 AND ($3::text[] IS NULL OR id = ANY($3::text[])) AND closed_at IS NULL
        AND (waive_from IS NULL OR waive_from > $4) ORDER BY id`,
    [instanceId, epoch, runIds === "all" ? null : runIds, from],
  );
  for (const { id } of rows) await waiveRun(sql, { runId: id, from, reason });
}

interface RunRow {
  id: string;
  instance_id: string;
  epoch: number;
  host_id: string;
  customer_id: number;
  workspace_id: number | null;
  resource_type: WorkloadKind;
  resource_id: string;
  resource_name: string | null;
  spec: string;
  gpu_model: string | null;
  ordered_at: Date;
  first_proven_at: Date | null;
  last_proven_at: Date | null;
  waive_from: Date | null;
  closed_at: Date | null;
  posted_amount: string;
  uncharged: boolean;
}

function runOf(row: RunRow): Run {
  return {
    id: row.id,
    instanceId: row.instance_id,
    epoch: row.epoch,
    hostId: row.host_id,
    customerId: row.customer_id,
    workspaceId: row.workspace_id,
    resourceType: row.resource_type,
    resourceId: row.resource_id,
    resourceName: row.resource_name,
    spec: row.spec,
    gpuModel: row.gpu_model,
    orderedAt: row.ordered_at,
    firstProvenAt: row.first_proven_at,
    lastProvenAt: row.last_proven_at,
    waiveFrom: row.waive_from,
    closedAt: row.closed_at,
    postedAmount: parsePoints(row.posted_amount),
    uncharged: row.uncharged,
  };
}
