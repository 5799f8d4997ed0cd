/**
 * What the host says about each run: phase, sentence and problem, from the same views the actions are decided on.
 * While a start is still tried again the problem stays null, unless the host itself is the reason.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  type HostStatement,
  inSequence,
  statementOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import type { BootId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance, RunRemains } from "@remotegpu/shared/instance/instance";
import { isRunning, type OwnedContainer, type RunKey } from "../container/container.ts";
import { isDeniedCards } from "../container/device-access.ts";
import { HOURS_WITHOUT_CARDS, nextStart, restartsOf, withoutCards } from "../runs/restart-policy.ts";
import type { MonotonicTime } from "../runs/run-record.ts";
import type { RunRestarts } from "../runs/run-restarts.ts";
import { ownedContainers, runningPredecessor, runViews } from "../runs/run-view.ts";
import type { Knowledge, RunView } from "../runs/run-view.ts";
import { startObstacle } from "./start-obstacle.ts";
import type { HostObstacles } from "./start-obstacle.ts";

export type LifecycleInput = Omit<Knowledge, "observed"> &
  HostObstacles & {
    /** Null when the runtime does not answer. */
    observed: Knowledge["observed"] | null;
    /** What starts under way are doing ("pulling image …"), by run. */
    waits: ReadonlyMap<RunId, HostStatement>;
    /** Runs that were killed and are still there, with the reason. */
    notEnding: ReadonlyMap<RunId, HostStatement>;
    /** Runs of which the runtime and the kernel say different things, with the reason. */
    disagreements: ReadonlyMap<RunId, HostStatement>;
    now: MonotonicTime;
  };

type Message = Worded &
  Pick<ObservedInstance, "phase" | "problem" | "knownEpoch"> & {
    exitCode?: number | null;
  };

const MAX_DETAIL = 2000;

/** One entry per run that the host knows or was told of, in no particular order. */
export function observedInstances(input: LifecycleInput): ObservedInstance[] {
  const observed = input.observed ?? [];
  return runViews({ ...input, observed }).flatMap((view) => {
    const text =
      input.observed === null
        ? inTheDark(view)
        : withTrouble(textOf(view, { ...input, observed }), view, input);
    if (text === null) return [];
    const remains = remainsOf(view, text, { isBlind: input.observed === null });
    return [{ ...instanceOf(view, text, input.now.bootId), ...(remains && { remains }) }];
  });
}

function textOf(view: RunView, input: LifecycleInput & { observed: Knowledge["observed"] }): Message | null {
  const { state, record, container } = view;
  const running = isRunning(container);
  const predecessor = runningPredecessor(view.key, ownedContainers(input));
  if (record?.end) return running ? stopping(statementOf(record.end)) : record.end;
  if (record?.stop) return stopping(statementOf(record.stop));
  switch (state.kind) {
    case "to-stop":
      // A start that is under way has neither record nor container yet, and may still make both.
      if (running || record || container || input.waits.has(view.key.runId))
        return stopping({ code: "run-stopping", params: { actor: state.orderedBy } });
      if (predecessor)
        return stopping({ code: "earlier-run-stopping", params: { run_id: predecessor.owner.runId } });
      return { phase: "stopped", ...worded({ code: "run-not-on-host", params: {} }), problem: null };
    case "to-remove":
      return running || record || container || input.waits.has(view.key.runId)
        ? stopping({ code: "run-removing", params: { actor: state.orderedBy } })
        : null;
    case "superseded":
      return stopping({ code: "run-gives-place", params: { run_id: state.by.runId } });
    case "refused": {
      const { knownEpoch } = state;
      const why = worded(epochOutdated(view.key, knownEpoch));
      return { phase: "failed", ...why, problem: "start-refused", knownEpoch };
    }
    case "orphan":
      if (running) {
        return { phase: "ready", ...worded({ code: "run-unnamed", params: {} }), problem: null };
      }
      return stopping({ code: "run-unrequested", params: {} });
    case "unserved":
      return unservedText(view, statementOf(state.order));
    case "wanted":
      return running ? runningText(view, state.desired) : startingText(view, state.desired, input);
  }
}

/** What people have to look at while it goes on, costs and holds its cards. */
function withTrouble(
  text: Message | null,
  { key, container, record }: RunView,
  { notEnding, disagreements }: LifecycleInput,
): Message | null {
  if (text === null || container === null || !isRunning(container)) return text;
  const stuck = notEnding.get(key.runId);
  const isToEnd = text.phase === "stopping" || record?.unwell !== undefined;
  if (stuck !== undefined && isToEnd)
    return {
      ...text,
      ...worded(inSequence(statementOf(text), stuck, ...heldCards(container))),
      problem: "not-ending",
    };
  const differs = disagreements.get(key.runId);
  if (differs === undefined || text.problem !== null) return text;
  const statement = text.phase === "ready" ? differs : inSequence(statementOf(text), differs);
  return { ...text, ...worded(statement), problem: "runtime-disagrees" };
}

function heldCards({ owner: { gpus } }: OwnedContainer): HostReason[] {
  const cards = gpus.map(({ uuid }) => uuid).join(", ");
  return cards === "" ? [] : [{ code: "gpus-held-until-ended", params: { gpu_uuids: cards } }];
}

export function epochOutdated({ placementEpoch: epoch }: RunKey, knownEpoch: number): HostReason {
  return { code: "epoch-outdated", params: { epoch, known_epoch: knownEpoch } };
}

function runningText({ record }: RunView, { spec }: DesiredInstance): Message {
  if (record?.unwell !== undefined) {
    const why = inSequence(statementOf(record.unwell), { code: "container-restarts", params: {} });
    return { phase: record.gate ? "ready" : "starting", ...worded(why), problem: null };
  }
  if (record?.gate && withoutCards(spec) === "goes-on" && isDeniedCards(record.refusal)) {
    const restart: HostReason = { code: "gpu-access-restart", params: { hours: HOURS_WITHOUT_CARDS } };
    const why = inSequence(statementOf(record.refusal), restart);
    return { phase: "ready", ...worded(why), problem: "gpu-failed" };
  }
  if (record?.gate) return { phase: "ready", ...worded({ code: "run-running", params: {} }), problem: null };
  return starting({ code: WAITS_FOR[spec.gate ?? "running"], params: {} });
}

/** Its container runs, and its gate is shut. */
const WAITS_FOR = {
  running: "run-metering-opens",
  released: "run-awaits-gang",
  probe: "run-probed",
} as const;

/** @param why nothing of it is started here */
function unservedText({ record, container }: RunView, why: HostStatement): Message {
  if (isRunning(container)) {
    const runsOn = worded(inSequence({ code: "run-continues", params: {} }, why));
    return { phase: record?.gate ? "ready" : "starting", ...runsOn, problem: null };
  }
  return record || container ? stopping(why) : { phase: "failed", ...worded(why), problem: "start-refused" };
}

function startingText(
  { record, container, key }: RunView,
  desired: DesiredInstance,
  input: LifecycleInput & { observed: Knowledge["observed"] },
): Message {
  // First, since a start under way is not to be judged by a list of containers from before it.
  const wait = input.waits.get(key.runId);
  if (wait !== undefined) return starting(wait);
  const next = nextStart({ restarts: restartsOf(desired.spec), record, container }, input.now);
  if (next.kind === "give-up") return next.end;
  const obstacle = startObstacle(desired, ownedContainers(input), input);
  if (obstacle) {
    const problem = obstacle.kind === "host-refuses" ? "start-refused" : null;
    return { ...starting(statementOf(obstacle)), problem };
  }
  // Between the record of a start and its container's first breath there is nothing to blame yet.
  const isLost = container === null && record !== null && record.containerId !== null;
  const hasFailed = record?.trouble != null || container?.status.state === "exited" || isLost;
  return starting(
    next.kind === "wait" && hasFailed ? statementOf(next) : { code: "run-starting", params: {} },
  );
}

/** The runtime is silent: what was so is taken to be so still, and the host says that it cannot see. */
function inTheDark({ state, record }: RunView): Message | null {
  if (record?.end) return record.end;
  if (state.kind === "unserved" && record === null)
    return { phase: "failed", ...worded(statementOf(state.order)), problem: "start-refused" };
  const problem = "runtime-down";
  const why = worded({ code: "runtime-down", params: {} });
  if (record?.stop || state.kind === "to-stop" || state.kind === "superseded") {
    return { phase: "stopping", ...why, problem };
  }
  if (state.kind === "to-remove") return { phase: "stopping", ...why, problem };
  return { phase: record?.gate ? "ready" : "starting", ...why, problem };
}

function stopping(why: HostStatement): Message {
  return { phase: "stopping", ...worded(why), problem: null };
}

function starting(why: HostStatement): Message {
  return { phase: "starting", ...worded(why), problem: null };
}

/** Once there is nothing more to be learned of the end. Null before. */
function remainsOf(
  { record, container }: RunView,
  { phase }: Message,
  { isBlind }: { isBlind: boolean },
): RunRemains | null {
  if (!record?.end || (phase !== "stopped" && phase !== "failed")) return null;
  if (record.remains !== undefined) {
    const { exitCode: _exitCode, ...remains } = record.remains;
    return remains;
  }
  const mayStillReport = isBlind || container?.status.state === "exited";
  return mayStillReport ? null : { outOfMemory: false, signal: null, tail: null };
}

function instanceOf({ key, record, container }: RunView, text: Message, bootId: BootId): ObservedInstance {
  return {
    ...key,
    phase: text.phase,
    detail: storable(text.detail),
    ...(text.reason !== undefined && { reason: text.reason }),
    problem: text.problem,
    containerId: container?.containerId ?? record?.containerId ?? null,
    exitCode: text.exitCode ?? record?.remains?.exitCode ?? null,
    gateOpenedMs: record?.gate?.ms ?? null,
    bootId: record?.gate?.bootId ?? bootId,
    ...(text.knownEpoch !== undefined && { knownEpoch: text.knownEpoch }),
    ...(record?.restarts && { restarts: reportedRestarts(record.restarts) }),
  };
}

function reportedRestarts({ count, last }: RunRestarts): ObservedInstance["restarts"] {
  const { exitCode, outOfMemory, signal } = last;
  return { count, exitCode, outOfMemory, signal };
}

/** What a runtime or a tool said may hold anything; a report with it would be refused as a whole. */
function storable(detail: string): string {
  return detail.replaceAll("\u0000", "").slice(0, MAX_DETAIL).toWellFormed();
}
