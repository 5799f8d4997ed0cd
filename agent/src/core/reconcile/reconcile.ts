/**
 * The one decision of the agent: from what is wanted, known and seen to what is done now. It reads everything anew
 * each round, so a lost or doubled message changes nothing; what waits for something is simply decided again.
 * It does not look into images, mounts or the network: carrying out a start finds those out.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  type HostStatement,
  statementOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import type { GpuUuid, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { MS_PER_HOUR, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { isDeniedCards, refusalAfter } from "../container/device-access.ts";
import type { DeviceAccess, Refusal } from "../container/device-access.ts";
import { inOrder } from "../runs/action.ts";
import type { Action, RunEnd, StopCause, StopActor, Unwell } from "../runs/action.ts";
import { waitsForGang } from "../container/container-spec.ts";
import { isRunning } from "../container/container.ts";
import type { OwnedContainer, RunKey } from "../container/container.ts";
import type { UnclearGpu } from "../gpus/gpu-handover.ts";
import type { Loss } from "../gpus/gpu-health.ts";
import type { Probed } from "../probes/probe-state.ts";
import {
  exitedBy,
  HOURS_WITHOUT_CARDS,
  nextStart,
  restartsOf,
  withoutCards,
} from "../runs/restart-policy.ts";
import type { MonotonicTime, RunRecord } from "../runs/run-record.ts";
import { outputFolders } from "../runs/run-remains.ts";
import { endBeforeStart } from "../runs/run-restarts.ts";
import { ownedContainers, runViews } from "../runs/run-view.ts";
import type { Knowledge, RunView } from "../runs/run-view.ts";
import { epochOutdated } from "./lifecycle.ts";
import { areRivals, closedTo, startObstacle } from "./start-obstacle.ts";

export type Flags = {
  /** Why new starts are refused ("the journal's disk is full"); null when they are not. */
  startsRefused: HostStatement | null;
  /** GPUs that are surely gone or failed, with why. In doubt there is none: a hung tool must not kill work. */
  lostGpus: ReadonlyMap<GpuUuid, Loss>;
  /** GPUs that take nothing new, with why. */
  closedGpus: ReadonlyMap<GpuUuid, HostStatement>;
  /** Of those, GPUs of which nothing else is known than that containers of these instances were refused them. */
  refusedGpus: ReadonlyMap<GpuUuid, ReadonlySet<InstanceId>>;
  /** GPUs that nothing of ours holds and on which nothing may start, with why. */
  unclearGpus: ReadonlyMap<GpuUuid, UnclearGpu>;
  /** Runs beyond a storage limit, with the reason. */
  overStorage: ReadonlyMap<RunId, HostStatement>;
  /** Runs that fill a disk of the host, with the reason. */
  fillingDisk: ReadonlyMap<RunId, HostStatement>;
  /** Since the last accepted heartbeat, restarts and reboots included (contact.ts). */
  disconnectedMs: number;
  /** Nobody was heard since this boot, and how long the host was off is unknown. */
  awaitsContact: boolean;
  /** First snapshot after a rise of term or incarnation, not yet confirmed: mass stops wait. */
  stopsUnconfirmed: boolean;
  /** Containers that nobody has asked for through their whole grace and that are to go (orphans.ts). */
  reapedOrphans: ReadonlySet<string>;
  /** Runs of gangs whose first process has been released and has let go. */
  letGo: ReadonlySet<RunId>;
  /** What is known of runs with a probe whose container runs. */
  probed: ReadonlyMap<RunId, Probed>;
  /** What is known of the device rules of runs with GPUs whose container runs. */
  access: ReadonlyMap<RunId, DeviceAccess>;
};

export type ReconcileInput = Knowledge & { flags: Flags; now: MonotonicTime };

/** An unconfirmed snapshot may stop this many, or half of what runs, but not more than both. */
export const FREE_STOPS = 3;
const DEFAULT_GRACE_SECONDS = 10;
/** Who fills the disk goes on writing in its grace. */
const FILLING_GRACE_SECONDS = 5;

export function reconcile(input: ReconcileInput): Action[] {
  const containers = ownedContainers(input);
  const actions = withoutRivals(
    runViews(input).flatMap((view) =>
      withRemains(view, removedBeforeClosed(view, actionsFor(view, input, containers))),
    ),
  );
  return inOrder(input.flags.stopsUnconfirmed ? withoutMassStops(actions, containers) : actions);
}

/**
 * A start that the runtime was asked for and did not answer may still come true. The run is over only once the runtime
 * has no container any more that it could start: before that its cards are nobody else's.
 */
function removedBeforeClosed({ key, record, container }: RunView, actions: Action[]): Action[] {
  const isClosing = actions.some(({ kind }) => kind === "close-run");
  if (!isClosing || container === null || isRunning(container)) return actions;
  const { containerId, status } = container;
  const mayStillStart = status.state === "created" || record?.trouble?.problem === "runtime-down";
  if (!mayStillStart || status.state === "removing") return actions;
  return [{ kind: "remove", ...key, containerId }];
}

/** What an ended container left is written down before anything takes the container away. */
function withRemains({ key, record, container, state }: RunView, actions: Action[]): Action[] {
  if (record === null || record.remains !== undefined || container?.status.state !== "exited") return actions;
  const isOver = record.end !== null || actions.some(({ kind }) => kind === "close-run");
  if (!isOver) return actions;
  const { containerId, status } = container;
  const { exitCode, outOfMemory } = status;
  const output = state.kind === "wanted" ? outputFolders(state.desired.spec) : null;
  return [
    ...actions.filter(({ kind }) => kind !== "remove"),
    { kind: "keep-remains", ...key, containerId, exitCode, outOfMemory, ...(output && { output }) },
  ];
}

function actionsFor(view: RunView, input: ReconcileInput, containers: OwnedContainer[]): Action[] {
  const { state, record, container, key } = view;
  switch (state.kind) {
    case "wanted":
      if (container && !record) return [adoption(view, container)];
      return wantedActions(view, state.desired, input, containers);
    case "unserved":
      if (container && !record) return [adoption(view, container)];
      return unservedActions(view);
    case "to-stop":
      if (container && !record) return [adoption(view, container)];
      if (container && isRunning(container)) return [stopFor(view, container, orderedStop(state.orderedBy))];
      return closing(view, state.orderedBy);
    case "to-remove":
      return removal(view, orderedStop(state.orderedBy));
    case "superseded":
      return removal(view, supersededStop(state));
    case "refused": {
      const { knownEpoch } = state;
      return [{ kind: "refuse", ...key, knownEpoch, ...worded(epochOutdated(key, knownEpoch)) }];
    }
    case "orphan":
      if (mayReap(view, input.flags)) return reaping(view);
      return isRunning(container) ? [] : closing(view, null);
  }
}

/** Once its container is gone, the record of why it went is all that is left to clear away. */
function mayReap({ container, record }: RunView, { reapedOrphans, stopsUnconfirmed }: Flags): boolean {
  if (container === null) return record?.stop?.cause === "orphaned";
  return !stopsUnconfirmed && reapedOrphans.has(container.containerId);
}

/** What has ended by itself is stopped as well, which only writes down why it goes. */
function reaping(view: RunView): Action[] {
  const { container, record } = view;
  return container && record && !record.stop
    ? [stopFor(view, container, ORPHAN_STOP)]
    : removal(view, ORPHAN_STOP);
}

function wantedActions(
  view: RunView,
  desired: DesiredInstance,
  { flags, now }: ReconcileInput,
  containers: OwnedContainer[],
): Action[] {
  const { key, record, container } = view;
  const running = container && isRunning(container) ? container : null;
  // Also of one that has ended since: that it went is told, and then how it ended.
  if (container && isLettingGo(view, desired, flags)) return [gateOf(view, container)];
  if (record?.end) {
    const { end } = record;
    const orderedBy = end.orderedBy ?? "limit";
    const stop: Stop = { cause: "already-ended", orderedBy, ...worded(statementOf(end)) };
    return running ? [stopFor(view, running, stop)] : [];
  }
  if (record?.stop) return running ? [stopFor(view, running, record.stop)] : closing(view, null);
  const limit = limitReached(desired, flags) ?? refusedStop(desired, record, flags);
  if (limit) {
    if (running) return [stopFor(view, running, limit)];
    return [closeRun(key, desired.specHash, { ...endOfStop(limit), exitCode: null })];
  }
  // Also where the runtime has lost it: what lives costs, and nobody has asked for its end.
  if (running && record) return runningActions({ ...view, record }, running, { desired, flags, now });
  if (container?.status.state === "removing") return [];
  const next = nextStart({ restarts: restartsOf(desired.spec), record, container }, now);
  if (next.kind === "give-up") return [closeRun(key, desired.specHash, next.end)];
  if (next.kind === "wait" || startObstacle(desired, containers, flags)) return [];
  const ended = endBeforeStart(record, container);
  const start = { ...key, desired, attempt: next.attempt, ...(ended && { ended }) };
  return container
    ? [{ kind: "restart", ...start, containerId: container.containerId }]
    : [{ kind: "start", ...start }];
}

function runningActions(
  view: RunView & { record: RunRecord },
  running: OwnedContainer,
  { desired, flags, now }: { desired: DesiredInstance; flags: Flags; now: MonotonicTime },
): Action[] {
  const { key, record } = view;
  const { spec, live } = desired;
  const { containerId, status } = running;
  const known = flags.probed.get(key.runId) ?? null;
  // What was seen of an earlier life of its container says nothing of this one.
  const isOfLife = status.state !== "running" || known?.startedAt === status.startedAt;
  const probed = isOfLife ? known : null;
  const access = flags.access.get(key.runId);
  const refusal = access === undefined ? record.refusal : refusalAfter(record.refusal, access, now.bootId);
  const refusalNote = refusalNoteOf({ ...view, record }, refusal);
  const unwell = record.unwell ?? probed?.unwell ?? unwellWithoutCards(desired, refusal, { flags, now });
  const { stopGraceSeconds: graceSeconds } = live;
  if (unwell !== null)
    return [...refusalNote, { kind: "end-unwell", ...key, containerId, unwell, graceSeconds }];
  const opens = record.gate === null && mayOpen(spec, probed);
  const holding = opens ? [gateOf(view, running)] : noteOf(record, running);
  return [...holding, ...servingNoteOf(record, probed), ...refusalNote];
}

function refusalNoteOf(
  { key, record }: RunView & { record: RunRecord },
  refusal: Refusal | undefined,
): Action[] {
  if (refusal === record.refusal) return [];
  return [{ kind: "note-refusal", ...key, refusal: refusal ?? null }];
}

function unwellWithoutCards(
  desired: DesiredInstance,
  refusal: Refusal | undefined,
  { flags, now }: { flags: Flags; now: MonotonicTime },
): Unwell | null {
  if (!isDeniedCards(refusal)) return null;
  const how = withoutCards(desired.spec);
  if (how === "ends" || (how === "goes-on" && !isLongStored(refusal, now))) return null;
  if (closedTo(desired, flags) !== undefined) return null;
  return { hasServed: true, ...worded(statementOf(refusal)), problem: "gpu-failed" };
}

/** By one boot's clock; in another boot its container is in another life. */
function isLongStored({ bootId, confirmedMs, passedMs }: Refusal, now: MonotonicTime): boolean {
  const sinceMs = confirmedMs ?? passedMs;
  return sinceMs !== null && bootId === now.bootId && now.ms - sinceMs >= HOURS_WITHOUT_CARDS * MS_PER_HOUR;
}

/**
 * Decided by what is written down, so that the record has it before its container is touched. What would be started again
 * ends, too, where its card is closed for another reason: it would wait for that here, and may run elsewhere.
 */
function refusedStop(desired: DesiredInstance, record: RunRecord | null, flags: Flags): Stop | null {
  if (record === null || !isDeniedCards(record.refusal)) return null;
  const how = withoutCards(desired.spec);
  // An environment that is over its time, and is being ended for it.
  const isToBegin = how === "starts-again" || record.unwell?.problem === "gpu-failed";
  const cannotBegin = isToBegin && closedTo(desired, flags) !== undefined;
  if (how !== "ends" && !cannotBegin) return null;
  return { cause: "gpu-failed", orderedBy: "limit", ...worded(statementOf(record.refusal)) };
}

/** That of a gang opens when its first process has let go. */
function mayOpen({ gate = "running" }: DesiredInstance["spec"], probed: Probed | null): boolean {
  switch (gate) {
    case "running":
      return true;
    case "released":
      return false;
    case "probe":
      return probed?.serving === "yes";
  }
}

function isLettingGo({ key, record }: RunView, { spec }: DesiredInstance, { letGo }: Flags): boolean {
  const isPending = record !== null && record.gate === null && record.end === null && record.stop === null;
  return waitsForGang(spec) && isPending && letGo.has(key.runId);
}

/** What ended is closed and what was told to end is told again; nothing is begun, and no gate opens. */
function unservedActions(view: RunView): Action[] {
  const { record, container } = view;
  if (!container || !isRunning(container)) return closing(view, null);
  return record?.stop ? [stopFor(view, container, record.stop)] : [];
}

/** Stop, then close, then remove, then forget: each in the round after the world shows the one before. */
function removal(view: RunView, stop: Stop): Action[] {
  const { key, record, container } = view;
  if (container && isRunning(container)) {
    return [record ? stopFor(view, container, stop) : adoption(view, container)];
  }
  const closes = closing(view, stop.orderedBy);
  if (container?.status.state === "removing") return closes;
  if (container) {
    const { containerId } = container;
    return [...closes, { kind: "remove", ...key, containerId }];
  }
  return record ? [...closes, { kind: "forget", ...key }] : [];
}

/** Closes a run that no longer runs: by the stop that was recorded, else by the order, else by its own exit. */
function closing({ key, record, container }: RunView, orderedBy: StopActor | null): Action[] {
  if (!record || record.end) return [];
  const exit = container?.status.state === "exited" ? container.status : null;
  const stop = record.stop ?? (orderedBy && orderedStop(orderedBy));
  const end = stop
    ? { ...endOfStop(stop), exitCode: exit?.exitCode ?? null }
    : (exit && exitedBy(exit)) || LOST_END;
  return [closeRun(key, record.specHash, end)];
}

function closeRun(key: RunKey, specHash: string, end: RunEnd): Action {
  return { kind: "close-run", ...key, specHash, end };
}

const LOST_END: RunEnd = {
  phase: "failed",
  problem: "container-lost",
  ...worded({ code: "container-gone", params: {} }),
  exitCode: null,
  orderedBy: null,
};

type Stop = Worded & { cause: StopCause; orderedBy: StopActor };

function endOfStop({ cause, orderedBy, ...why }: Stop): Omit<RunEnd, "exitCode"> {
  const text = worded(statementOf(why));
  switch (cause) {
    case "gpu-missing":
    case "gpu-failed":
    case "storage-exceeded":
    case "disk-filled":
      return { phase: "failed", problem: cause, ...text, orderedBy };
    case "ordered":
    case "superseded":
    case "no-contact":
    case "already-ended":
    case "orphaned":
      return { phase: "stopped", problem: null, ...text, orderedBy };
  }
}

const ORPHAN_STOP: Stop = {
  cause: "orphaned",
  orderedBy: "limit",
  ...worded({ code: "run-removed-unrequested", params: {} }),
};

function supersededStop({ by, orderedBy }: Extract<RunView["state"], { kind: "superseded" }>): Stop {
  const params = { run_id: by.runId, actor: orderedBy };
  return { cause: "superseded", orderedBy, ...worded({ code: "run-superseded", params }) };
}

function orderedStop(orderedBy: StopActor): Stop {
  const why: HostReason = { code: "run-stopped-by", params: { actor: orderedBy } };
  return { cause: "ordered", orderedBy, ...worded(why) };
}

/** What ends a wanted run from this host's own side. */
function limitReached(desired: DesiredInstance, flags: Flags): Stop | null {
  const loss = desired.spec.gpus
    .map(({ uuid }) => flags.lostGpus.get(uuid))
    .find((found) => found !== undefined);
  if (loss !== undefined) return { ...loss, orderedBy: "limit" };
  const over = flags.overStorage.get(desired.runId);
  if (over !== undefined) return { cause: "storage-exceeded", orderedBy: "limit", ...worded(over) };
  const filling = flags.fillingDisk.get(desired.runId);
  if (filling !== undefined) return { cause: "disk-filled", orderedBy: "limit", ...worded(filling) };
  const { onDisconnect, stopAfterSeconds } = desired.live;
  if (onDisconnect === "keep" || stopAfterSeconds === null) return null;
  if (flags.disconnectedMs < stopAfterSeconds * MS_PER_SECOND) return null;
  const why: HostReason = { code: "run-stopped-without-contact", params: { seconds: stopAfterSeconds } };
  return { cause: "no-contact", orderedBy: "control-plane", ...worded(why) };
}

/** A stop that was begun keeps its first cause, orderer and sentence. */
function stopFor({ state, record, key }: RunView, { containerId }: OwnedContainer, stop: Stop): Action {
  const { cause, orderedBy, ...why } = record?.stop ?? stop;
  const text = worded(statementOf(why));
  const orderedSeconds = orderedGraceSeconds(state);
  const givenSeconds = orderedSeconds ?? DEFAULT_GRACE_SECONDS;
  const graceSeconds = cause === "disk-filled" ? Math.min(givenSeconds, FILLING_GRACE_SECONDS) : givenSeconds;
  const isGraceOrdered = orderedSeconds !== null;
  return { kind: "stop", ...key, containerId, orderedBy, cause, ...text, graceSeconds, isGraceOrdered };
}

/** Null where there is no order, or none of which more than its names is understood. */
function orderedGraceSeconds(state: RunView["state"]): number | null {
  if (state.kind === "wanted") return state.desired.live.stopGraceSeconds;
  const hasOrder = state.kind === "to-stop" || state.kind === "to-remove";
  return hasOrder && "live" in state.order ? state.order.live.stopGraceSeconds : null;
}

function adoption({ key }: RunView, { containerId, owner }: OwnedContainer): Action {
  const { specHash, network, gpus } = owner;
  return { kind: "adopt", ...key, containerId, specHash, network, gpus };
}

/** A container that was made anew within the run, or a record of an earlier agent. */
function noteOf(record: RunRecord, { containerId, owner }: OwnedContainer): Action[] {
  if (record.holding?.containerId === containerId) return [];
  const { instanceId, placementEpoch, runId, network, gpus } = owner;
  return [{ kind: "note-holding", instanceId, placementEpoch, runId, containerId, network, gpus }];
}

function servingNoteOf(record: RunRecord, probed: Probed | null): Action[] {
  if (probed === null || probed.startedAt === null || probed.serving === "not-yet") return [];
  const { startedAt, serving } = probed;
  if (record.served?.startedAt === startedAt && record.served.serving === serving) return [];
  const { instanceId, placementEpoch, runId } = record;
  return [{ kind: "note-serving", instanceId, placementEpoch, runId, served: { startedAt, serving } }];
}

function gateOf({ key }: RunView, { containerId, owner, status }: OwnedContainer): Action {
  const { network, gpus } = owner;
  const pid = status.state === "running" ? status.pid : status.state === "left-behind" ? status.pids[0] : 0;
  return { kind: "open-gate", ...key, containerId, pid, network, gpus };
}

/** Of two starts that exclude each other the first is made; the other finds it in its way in the next round. */
function withoutRivals(actions: Action[]): Action[] {
  const starts: DesiredInstance[] = [];
  return actions.filter((action) => {
    if (action.kind !== "start" && action.kind !== "restart") return true;
    if (starts.some((other) => areRivals(other, action.desired))) return false;
    starts.push(action.desired);
    return true;
  });
}

/** Orders only: what a limit stops is this host's own finding and does not wait. */
function withoutMassStops(actions: Action[], containers: OwnedContainer[]): Action[] {
  const takesAway = (action: Action) =>
    action.kind === "remove" ||
    (action.kind === "stop" && (action.cause === "ordered" || action.cause === "superseded"));
  const running = containers.filter(isRunning).length;
  const stops = actions.filter((action) => takesAway(action) && action.kind === "stop").length;
  if (stops <= FREE_STOPS || stops * 2 <= running) return actions;
  return [{ kind: "hold-stops", stops, running }, ...actions.filter((action) => !takesAway(action))];
}
