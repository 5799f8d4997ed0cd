/**
 * What people and the control plane order for an environment that is there: start, stop, restart, delete. Each is one
 * step of a transaction in which the environment is locked; the answer says which host has to be told.
 */
import type { Reason } from "../../core/reasons/reason.ts";
import { startIssue } from "../../core/orders/order-check.ts";
import type { Impossibility } from "../../core/placement/impossibility.ts";
import { afterRequest, waitsFor } from "../../core/environments/environment-status.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { type OrderContext, waivePlacement } from "./workload-stops.ts";
import type { Transaction } from "../database/database.ts";
import { checkOrders, type CheckOutcome, checkRestart } from "./checks/order-checks.ts";
import {
  heldPlacement,
  placementsNotGone,
  setRun,
  setSwitches,
  want,
} from "../workloads/instances/workload-placements.ts";
import { releaseOldLeasesOf } from "../environments/environment-deletions.ts";
import { removeSshPassword } from "../environments/ssh-passwords.ts";
import { moveEnvironment } from "../environments/environment-moves.ts";
import { orderOfEnvironment } from "../environments/environment-order.ts";
import type { EnvironmentRow } from "../environments/environments.ts";
import { orderImpossibilities } from "./checks/order-impossibility.ts";
import { raiseGeneration, raiseGenerations } from "../hosts/hosts.ts";
import { leaseForStart } from "../leases/start-leases.ts";
import { orderRelease, wantedLeases } from "../leases/lease-orders.ts";
import { appendInstanceEvent, INSTANCE_EVENT } from "../events/events.ts";
import type { EmptyFleet } from "../fleet/empty-fleet.ts";
import type { NewId } from "../../core/workloads/new-id.ts";
import { lockRun, openRuns } from "../billing/runs/runs.ts";
import { type GivenReason, reasonOf } from "../../core/reasons/plain-reason.ts";

export type OrderOutcome =
  | { done: true; /** Whose desired sets changed. */ hostIds: string[] }
  | RefusedOrder;

export type RefusedOrder =
  | { done: false; refusal: "wrong-state"; reason: GivenReason }
  | { done: false; refusal: "impossible"; impossibility: Impossibility }
  | { done: false; refusal: "check"; check: Extract<CheckOutcome, { passed: false }> };

export async function startEnvironment(
  sql: Transaction,
  environment: EnvironmentRow,
  context: OrderContext & { fleet: EmptyFleet },
): Promise<OrderOutcome> {
  const verdict = afterRequest(environment.status, "start");
  if (!verdict.legal) return { done: false, refusal: "wrong-state", reason: verdict.why };
  const issue = environment.orderer_id === null ? "actor-account-gone" : startIssue(environment);
  if (issue !== null) return { done: false, refusal: "wrong-state", reason: issue };
  const order = orderOfEnvironment(environment);
  const [impossible] = await orderImpossibilities(sql, [{ order, fleet: context.fleet }], context.now);
  if (impossible != null) return { done: false, refusal: "impossible", impossibility: impossible };
  const [check] = await checkOrders(sql, [order], {
    models: context.fleet.models,
    now: context.now,
  });
  if (check?.passed === false) return { done: false, refusal: "check", check };
  await move(sql, environment, { to: verdict.status, reason: waitsFor("queued", null) }, context);
  return { done: true, hostIds: [] };
}

export async function stopEnvironment(
  sql: Transaction,
  environment: EnvironmentRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  const verdict = afterRequest(environment.status, "stop");
  if (!verdict.legal) return { done: false, refusal: "wrong-state", reason: verdict.why };
  const held = await heldPlacement(sql, nameOf(environment));
  if (held === null) {
    await move(sql, environment, { to: "stopped", reason: orderReason(context) }, context);
    return { done: true, hostIds: [] };
  }
  await waivePlacement(sql, held, context);
  await want(sql, held, { wanted: "stopped", ...context });
  // One that waits holds its last place no longer than its host needs to answer, and is stopped at once.
  const reason = orderReason(context) ?? waitsFor(verdict.status, held.host_name);
  await move(sql, environment, { to: verdict.status, reason }, context);
  await raiseGeneration(sql, held.host_id);
  return { done: true, hostIds: [held.host_id] };
}

/** The same placement, a new run: it is checked, rounded and charged like any other start. */
export async function restartEnvironment(
  sql: Transaction,
  environment: EnvironmentRow,
  context: OrderContext & { newId: NewId },
): Promise<OrderOutcome> {
  const verdict = afterRequest(environment.status, "restart");
  if (!verdict.legal) return { done: false, refusal: "wrong-state", reason: verdict.why };
  const held = await heldPlacement(sql, nameOf(environment));
  if (held?.want !== "running" || held.run_id === null)
    return { done: false, refusal: "wrong-state", reason: "environment-just-stopped" };
  await lockRun(sql, held.run_id);
  // Out of the way of the start rule: the run that ends here makes room for the one that begins.
  await setRun(sql, held, null);
  const order = orderOfEnvironment(environment);
  const check = await checkRestart(sql, { order, model: held.gpu_model }, context.now);
  if (!check.passed) {
    await setRun(sql, held, held.run_id);
    return { done: false, refusal: "check", check };
  }
  await waivePlacement(sql, held, context);
  const runId = context.newId("run");
  await openRuns(sql, [
    {
      id: runId,
      instanceId: held.instance_id,
      epoch: held.epoch,
      hostId: held.host_id,
      customerId: environment.payer_id,
      orderedBy: environment.orderer_id,
      workspaceId: environment.paying_workspace_id,
      resourceType: "environment",
      resourceId: environment.id,
      resourceName: environment.name,
      spec: order.spec,
      gpuModel: held.gpu_model,
      orderedAt: context.now,
      lines: check.lines.flat(),
    },
  ]);
  await setRun(sql, held, runId);
  await setSwitches(sql, held, { ...environment, tempStorageBytes: check.tempStorageBytes });
  await sql.change(
    `UPDATE placements SET state = 'placed', detail = NULL, detail_code = NULL, detail_params = NULL, problem = NULL, exit_code = NULL, container_id = NULL,
            state_changed_at = $3
      WHERE instance_id = $1 AND epoch = $2`,
    [held.instance_id, held.epoch, context.now],
  );
  await sql.change("UPDATE instances SET state = 'placed' WHERE id = $1", [held.instance_id]);
  await appendInstanceEvent(sql, {
    at: context.now,
    kind: INSTANCE_EVENT,
    instanceId: held.instance_id,
    hostId: held.host_id,
    actor: context.actor,
    old: held.state,
    new: "placed",
    reason: reasonOf("run-restarted"),
  });
  const reason = waitsFor("restarting", held.host_name);
  await move(sql, environment, { to: verdict.status, reason }, context);
  const leases = await leaseForStart(sql, {
    ...context,
    environment,
    hostId: held.host_id,
    generation: await raiseGeneration(sql, held.host_id),
  });
  return { done: true, hostIds: [...new Set([held.host_id, ...leases.hostIds])] };
}

/** Legal in every status. Where no host holds anything of it, it is deleted at once. */
export async function deleteEnvironment(
  sql: Transaction,
  environment: EnvironmentRow,
  context: OrderContext,
): Promise<OrderOutcome> {
  const placements = await placementsNotGone(sql, nameOf(environment));
  for (const placement of placements) {
    await waivePlacement(sql, placement, context);
    await want(sql, placement, { wanted: "removed", ...context });
  }
  await removeSshPassword(sql, environment.id);
  const { actor, now } = context;
  if (placements.length === 0) {
    await moveEnvironment(sql, { environment, to: "deleting", reason: null, actor, now, isGone: true });
    await releaseOldLeasesOf(sql, { environmentIds: [environment.id], now });
  } else if (environment.status !== "deleting") {
    const reason = waitsFor("deleting", placements[0]?.host_name ?? null);
    await move(sql, environment, { to: "deleting", reason }, context);
  }
  const leases = await wantedLeases(sql, environment.id);
  const generations = await raiseGenerations(sql, [
    ...placements.map((placement) => placement.host_id),
    ...leases.map((lease) => lease.hostId),
  ]);
  await orderRelease(sql, {
    environmentId: environment.id,
    leases: leases.map((lease) => ({ ...lease, reason: reasonOf("lease-of-deleted-environment") })),
    generations,
    actor,
  });
  return { done: true, hostIds: [...generations.keys()] };
}

/** What its orderer gave as a reason. */
function orderReason({ reason }: OrderContext): Reason | null {
  return reason ?? null;
}

function nameOf({ id }: EnvironmentRow): WorkloadName {
  return { kind: "environment", id };
}

async function move(
  sql: Transaction,
  environment: EnvironmentRow,
  { to, reason }: { to: EnvironmentRow["status"]; reason: Reason | null },
  { by, actor, now }: OrderContext,
): Promise<void> {
  const cause = { by, exitCode: null };
  await moveEnvironment(sql, { environment, to, reason, actor, now, hostId: environment.host_id, cause });
}
