/**
 * Stop orders for what hosts have of a workload, whatever its kind: from when on it is free says core/billing/stop-waiver.ts,
 * the hosts are told with their next pull. What the workload's status becomes is the caller's.
 */
import { type StopCause, stopWaiver } from "../../core/billing/stop-waiver.ts";
import type { StopActor } from "../../core/instances/instance-report.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { waiveRun } from "../billing/runs/runs.ts";
import type { Transaction } from "../database/database.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { placementsNotGone, type PlacementRow, want } from "../workloads/instances/workload-placements.ts";
import type { Reason } from "../../core/reasons/reason.ts";

export interface OrderContext {
  by: StopActor;
  /** "customer 12", "admin 1", "control-plane". */
  actor: string;
  now: Date;
  /** Of the request that orders it; several orders may be written together. */
  traceId?: string | null;
  /** Why it is stopped; left out, who did it says enough. */
  reason?: Reason;
  /** Left out: `own`. */
  cause?: StopCause;
}

/** All of it stops; answers the hosts whose desired sets changed. */
export async function stopInstances(
  sql: Transaction,
  workload: WorkloadName,
  context: OrderContext,
): Promise<string[]> {
  return await stopInstancesOf(sql, [workload], context);
}

/** The same of what one host has of it: the rest of it goes on. */
export async function stopInstancesOn(
  sql: Transaction,
  { hostId, ...workload }: WorkloadName & { hostId: string },
  context: OrderContext,
): Promise<string[]> {
  const there = (await placementsNotGone(sql, workload)).filter(({ host_id: id }) => id === hostId);
  return await order(sql, there.filter(isToRun), { wanted: "stopped", context });
}

/** The same of several: hosts are told at the end, all together, and so locked in the order in which everybody locks them. */
export async function stopInstancesOf(
  sql: Transaction,
  workloads: readonly WorkloadName[],
  context: OrderContext,
): Promise<string[]> {
  const running = (await placementsOf(sql, workloads)).filter(isToRun);
  return await order(sql, running, { wanted: "stopped", context });
}

function isToRun({ is_held: isHeld, want: wanted }: PlacementRow): boolean {
  return isHeld && wanted === "running";
}

/** All of it goes from wherever it is; answers the hosts whose desired sets changed. */
export async function removeInstances(
  sql: Transaction,
  workload: WorkloadName,
  context: OrderContext,
): Promise<string[]> {
  return await removeInstancesOf(sql, [workload], context);
}

export async function removeInstancesOf(
  sql: Transaction,
  workloads: readonly WorkloadName[],
  context: OrderContext,
): Promise<string[]> {
  return await order(sql, await placementsOf(sql, workloads), { wanted: "removed", context });
}

async function placementsOf(sql: Transaction, workloads: readonly WorkloadName[]): Promise<PlacementRow[]> {
  const placements: PlacementRow[] = [];
  for (const workload of workloads) placements.push(...(await placementsNotGone(sql, workload)));
  return placements;
}

async function order(
  sql: Transaction,
  placements: readonly PlacementRow[],
  { wanted, context }: { wanted: "stopped" | "removed"; context: OrderContext },
): Promise<string[]> {
  for (const placement of placements) {
    await waivePlacement(sql, placement, context);
    await want(sql, placement, { wanted, ...context });
  }
  const generations = await raiseGenerations(
    sql,
    placements.map(({ host_id }) => host_id),
  );
  return [...generations.keys()];
}

export async function waivePlacement(
  sql: Transaction,
  placement: PlacementRow,
  { by, actor, now, cause = "own" }: Pick<OrderContext, "by" | "actor" | "now" | "cause">,
): Promise<void> {
  if (placement.run_id === null) return;
  const chosenGraceSeconds = placement.chosen_grace_seconds;
  const { rule, fromMs } = stopWaiver({ by, cause, orderedMs: now.getTime(), chosenGraceSeconds });
  const reason = `${rule}: ordered by ${actor}`;
  await waiveRun(sql, { runId: placement.run_id, from: new Date(fromMs), reason });
}
