/**
 * What the host says about each run: phase, sentence and problem, from the same views the actions are decided on.
 * While a start is still tried again the problem stays null, unless the host itself is the reason.
 */
import type { BootId, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance, RunRemains } from "@remotegpu/shared/instance/instance";
import { isRunning, type OwnedContainer } from "../container/container.ts";
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
    waits: ReadonlyMap<RunId, string>;
    /** Runs that were killed and are still there, with the sentence for it. */
    notEnding: ReadonlyMap<RunId, string>;
    /** Runs of which the runtime and the kernel say different things, with the sentence for it. */
    disagreements: ReadonlyMap<RunId, string>;
    now: MonotonicTime;
  };

type Message = Pick<ObservedInstance, "phase" | "detail" | "problem" | "knownEpoch"> & {
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
  if (record?.end) return running ? stopping(record.end.detail) : record.end;
  if (record?.stop) return stopping(record.stop.detail);
  switch (state.kind) {
    case "to-stop":
      // A start that is under way has neither record nor container yet, and may still make both.
      if (running || record || container || input.waits.has(view.key.runId))
        return stopping(`Stopping; ordered by ${state.orderedBy}.`);
      if (predecessor) return stopping(`Its earlier run ${predecessor.owner.runId} is being stopped.`);
      return { phase: "stopped", detail: "Nothing of it runs on this host.", problem: null };
    case "to-remove":
      return running || record || container || input.waits.has(view.key.runId)
        ? stopping(`It is being removed; ordered by ${state.orderedBy}.`)
        : null;
    case "superseded":
      return stopping(`It gives way to run ${state.by.runId}.`);
    case "refused": {
      const detail = `Placement epoch ${view.key.placementEpoch} is older than ${state.knownEpoch}, which this host has known.`;
      return { phase: "failed", detail, problem: "start-refused", knownEpoch: state.knownEpoch };
    }
    case "orphan":
      if (running) {
        return { phase: "ready", detail: "It runs, but the desired set does not name it.", problem: null };
      }
      return stopping("Nobody asks for it and its container does not run.");
    case "unserved":
      return unservedText(view, state.order.detail);
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
    return { ...text, detail: `${text.detail} ${stuck}${heldCards(container)}`, problem: "not-ending" };
  const differs = disagreements.get(key.runId);
  if (differs === undefined || text.problem !== null) return text;
  const detail = text.phase === "ready" ? differs : `${text.detail} ${differs}`;
  return { ...text, detail, problem: "runtime-disagrees" };
}

function heldCards({ owner: { gpus } }: OwnedContainer): string {
  const cards = gpus.map(({ uuid }) => uuid).join(", ");
  return cards === "" ? "" : ` Until they are gone nobody else gets ${cards}.`;
}

function runningText({ record }: RunView, { spec }: DesiredInstance): Message {
  if (record?.unwell !== undefined) {
    const detail = `${record.unwell.detail} Its container is started again.`;
    return { phase: record.gate ? "ready" : "starting", detail, problem: null };
  }
  if (record?.gate && withoutCards(spec) === "goes-on" && isDeniedCards(record.refusal)) {
    const detail = `${record.refusal.detail} Restart it to get it back; after ${HOURS_WITHOUT_CARDS} hours its host does. Time without it is not charged.`;
    return { phase: "ready", detail, problem: "gpu-failed" };
  }
  if (record?.gate) return { phase: "ready", detail: "It runs.", problem: null };
  return { phase: "starting", detail: WAITS_FOR[spec.gate ?? "running"], problem: null };
}

/** Its container runs, and its gate is shut. */
const WAITS_FOR = {
  running: "The container runs; its metering opens.",
  released: "Its container runs; its command is held back until all of its gang may go.",
  probe: "Its container runs and is asked whether it serves.",
} as const;

/** `detail` is why nothing of it is started here. */
function unservedText({ record, container }: RunView, detail: string): Message {
  if (isRunning(container))
    return { phase: record?.gate ? "ready" : "starting", detail: `It runs on. ${detail}`, problem: null };
  return record || container ? stopping(detail) : { phase: "failed", detail, problem: "start-refused" };
}

function startingText(
  { record, container, key }: RunView,
  desired: DesiredInstance,
  input: LifecycleInput & { observed: Knowledge["observed"] },
): Message {
  // First, since a start under way is not to be judged by a list of containers from before it.
  const wait = input.waits.get(key.runId);
  if (wait !== undefined) return { phase: "starting", detail: wait, problem: null };
  const next = nextStart({ restarts: restartsOf(desired.spec), record, container }, input.now);
  if (next.kind === "give-up") return next.end;
  const obstacle = startObstacle(desired, ownedContainers(input), input);
  if (obstacle) {
    const problem = obstacle.kind === "host-refuses" ? "start-refused" : null;
    return { phase: "starting", detail: obstacle.detail, problem };
  }
  // Between the record of a start and its container's first breath there is nothing to blame yet.
  const isLost = container === null && record !== null && record.containerId !== null;
  const hasFailed = record?.trouble != null || container?.status.state === "exited" || isLost;
  const detail = next.kind === "wait" && hasFailed ? next.detail : "The container is being started.";
  return { phase: "starting", detail, problem: null };
}

/** The runtime is silent: what was so is taken to be so still, and the host says that it cannot see. */
function inTheDark({ state, record }: RunView): Message | null {
  if (record?.end) return record.end;
  if (state.kind === "unserved" && record === null)
    return { phase: "failed", detail: state.order.detail, problem: "start-refused" };
  const problem = "runtime-down";
  const detail = "The container runtime of this host does not answer.";
  if (record?.stop || state.kind === "to-stop" || state.kind === "superseded") {
    return { phase: "stopping", detail, problem };
  }
  if (state.kind === "to-remove") return { phase: "stopping", detail, problem };
  return { phase: record?.gate ? "ready" : "starting", detail, problem };
}

function stopping(detail: string): Message {
  return { phase: "stopping", detail, problem: null };
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
