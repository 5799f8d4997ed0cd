/**
 * Lays side by side what is wanted, known and seen of each run, and says how the desired set stands to it. Both
 * the actions and the report are decided from these views, so they cannot disagree.
 */
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { StopActor } from "./action.ts";
import { isRunning, isSamePlacement, isSameRun } from "../container/container.ts";
import type { Container, OwnedContainer, RunKey } from "../container/container.ts";
import type { RunRecord } from "./run-record.ts";
import type { UnservedOrder } from "./unserved-order.ts";

type Order = DesiredInstance | UnservedOrder;

type State =
  | { kind: "wanted"; desired: DesiredInstance }
  /** Wanted, and more than this agent does (unserved-order.ts): nothing is begun, and what runs of it runs on. */
  | { kind: "unserved"; order: UnservedOrder }
  | { kind: "to-stop"; order: Order; orderedBy: StopActor }
  | { kind: "to-remove"; order: Order; orderedBy: StopActor }
  /** A newer run or epoch of the same instance is in the desired set: this one gives way and is removed. */
  | { kind: "superseded"; by: Order; orderedBy: StopActor }
  /** The desired set asks for an epoch older than one this host has known. */
  | { kind: "refused"; knownEpoch: number }
  /** Ours, but not in the desired set: absence deletes nothing, so it is left alone and reported. */
  | { kind: "orphan" };

export type RunView = {
  key: RunKey;
  state: State;
  record: RunRecord | null;
  container: OwnedContainer | null;
};

export type Knowledge = {
  hostId: HostId;
  desired: readonly DesiredInstance[];
  unserved: readonly UnservedOrder[];
  observed: readonly Container[];
  runs: readonly RunRecord[];
  /** Highest epoch ever known per instance, forgotten runs included. */
  knownEpochs: ReadonlyMap<InstanceId, number>;
};

export function runViews(knowledge: Knowledge): RunView[] {
  const containers = ownedContainers(knowledge);
  const views: RunView[] = [];
  for (const key of [...ordersOf(knowledge), ...knowledge.runs, ...containers.map((c) => c.owner)]) {
    if (views.some((view) => isSameRun(view.key, key))) continue;
    views.push({
      key: { instanceId: key.instanceId, placementEpoch: key.placementEpoch, runId: key.runId },
      state: stateOf(key, knowledge, containers),
      record: knowledge.runs.find((run) => isSameRun(run, key)) ?? null,
      container: containerOf(key, containers),
    });
  }
  return views;
}

/** What can be told of one run now. `over`: nothing more comes of it; `unknown`: neither ordered, recorded nor seen. */
export type RunNow = { state: "unknown" | "alive" | "over"; container: OwnedContainer | null };

export function runNow(knowledge: Knowledge, key: RunKey): RunNow {
  const view = runViews(knowledge).find((candidate) => isSameRun(candidate.key, key));
  if (view === undefined) return { state: "unknown", container: null };
  const { state, record, container } = view;
  const isUp = isRunning(container);
  const isOver = record?.end != null || (state.kind !== "wanted" && !isUp);
  return { state: isOver && !isUp ? "over" : "alive", container };
}

/** Whether something wanted does not run yet, or something runs that is to go. */
export function isUnsettled(knowledge: Knowledge): boolean {
  const running = ownedContainers(knowledge).filter(isRunning);
  const isUp = (order: Order) => running.some(({ owner }) => isSameRun(owner, order));
  const hasEnded = (order: Order) => knowledge.runs.some((run) => isSameRun(run, order) && run.end !== null);
  const mayStart = knowledge.desired.filter(({ want }) => want === "running");
  const isToEnd = ordersOf(knowledge).filter(({ want }) => want !== "running");
  return mayStart.some((order) => !isUp(order) && !hasEnded(order)) || isToEnd.some(isUp);
}

function ordersOf({ desired, unserved }: Pick<Knowledge, "desired" | "unserved">): Order[] {
  return [...desired, ...unserved];
}

/** Ours by every label and by the host id: what another agent on this host runs never gets past here. */
export function ownedContainers(knowledge: Pick<Knowledge, "hostId" | "observed">): OwnedContainer[] {
  return knowledge.observed.filter(
    (container): container is OwnedContainer =>
      container.owner !== null && container.owner.hostId === knowledge.hostId,
  );
}

function stateOf(key: RunKey, knowledge: Knowledge, containers: OwnedContainer[]): State {
  const orders = ordersOf(knowledge);
  const order = orders.find((candidate) => isSameRun(candidate, key));
  const newer = orders.find((candidate) => supersedes(candidate, key, order !== undefined));
  if (order?.want === "stopped")
    return { kind: "to-stop", order, orderedBy: order.orderedBy ?? "control-plane" };
  if (order?.want === "removed")
    return { kind: "to-remove", order, orderedBy: order.orderedBy ?? "control-plane" };
  if (newer) return { kind: "superseded", by: newer, orderedBy: newer.orderedBy ?? "control-plane" };
  if (!order) return { kind: "orphan" };
  const knownEpoch = highestKnownEpoch(key.instanceId, knowledge, containers);
  if (order.placementEpoch < knownEpoch) return { kind: "refused", knownEpoch };
  return "detail" in order ? { kind: "unserved", order } : { kind: "wanted", desired: order };
}

/**
 * Run ids have no order: of one placement, the run in the desired set is the newer one, whatever is wanted of it, since
 * a restart may be followed by a stop before either was heard here. An earlier placement gives way to an order to run
 * only; a stop or removal of a later one speaks for that one alone.
 */
function supersedes(order: Order, key: RunKey, keyIsOrdered: boolean): boolean {
  if (order.instanceId !== key.instanceId) return false;
  if (order.placementEpoch === key.placementEpoch) return order.runId !== key.runId && !keyIsOrdered;
  return order.want === "running" && order.placementEpoch > key.placementEpoch;
}

/** An earlier run of the same placement whose container still runs: until it does not, the placement is not over. */
export function runningPredecessor(
  key: RunKey,
  containers: readonly OwnedContainer[],
): OwnedContainer | null {
  return (
    containers.find(
      (container) =>
        isRunning(container) && isSamePlacement(container.owner, key) && !isSameRun(container.owner, key),
    ) ?? null
  );
}

function highestKnownEpoch(
  instanceId: InstanceId,
  knowledge: Knowledge,
  containers: OwnedContainer[],
): number {
  const epochs = [
    ...knowledge.runs.filter((run) => run.instanceId === instanceId),
    ...containers.map((container) => container.owner).filter((owner) => owner.instanceId === instanceId),
  ].map((known) => known.placementEpoch);
  return Math.max(knowledge.knownEpochs.get(instanceId) ?? 0, ...epochs);
}

/** A run has one container, its name being taken; should there be two, the running one is the run's. */
function containerOf(key: RunKey, containers: OwnedContainer[]): OwnedContainer | null {
  const own = containers.filter((container) => isSameRun(container.owner, key));
  return own.find(isRunning) ?? own[0] ?? null;
}
