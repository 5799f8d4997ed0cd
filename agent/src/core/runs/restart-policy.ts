/**
 * When a run whose container does not run is started (again), and when it is given up. Starts after a crash, a
 * reboot or a restarted runtime stay inside the run; their number in a row is bounded.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  type HostStatement,
  inSequence,
  statementOf,
  worded,
  type Worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { InstanceProblem, InstanceSpec } from "@remotegpu/shared/instance/instance";
import type { RunEnd } from "./action.ts";
import type { Container } from "../container/container.ts";
import type { MonotonicTime, RunRecord } from "./run-record.ts";

/** The first start and five more. */
export const MAX_STARTS = 6;
/** A container that ran this long before it died begins a new row of starts. */
export const STABLE_MS = 10 * MS_PER_MINUTE;
const FIRST_DELAY_MS = MS_PER_SECOND;
const MAX_DELAY_MS = MS_PER_MINUTE;

/**
 * At a run's first start, trying these again on the same host leads nowhere. A run that has been up had them all:
 * after a reboot a shared file system or a driver may only be late.
 */
const FINAL_PROBLEMS: readonly InstanceProblem[] = ["image-missing", "mount-missing", "gpu-missing"];

/** So long its customer has to start an environment again that is kept from its cards, which nobody else can have. */
export const HOURS_WITHOUT_CARDS = 24;

export type NextStart =
  | { kind: "start"; attempt: number }
  | (Worded & { kind: "wait"; attempt: number; untilMs: number })
  | { kind: "give-up"; end: RunEnd };

/** Least time between the start before and start number `attempt` (2 = the first repetition). */
export function delayBefore(attempt: number): number {
  return Math.min(FIRST_DELAY_MS * 4 ** (attempt - 2), MAX_DELAY_MS);
}

/** Whether a container that ended is started again within its run, in orders that do not say it, too. */
export function restartsOf({
  kind,
  restarts,
}: Pick<InstanceSpec, "kind" | "restarts">): "within-run" | "never" {
  return restarts ?? (kind === "training" ? "never" : "within-run");
}

/**
 * What becomes of a container that is kept from its cards, which a new one has again: it is started again within its run,
 * or ends with it, as after an end of its own. An environment is its customer's to start again, since what is in its
 * memory may be worth more than what the cards would do meanwhile. After a day it is started again all the same.
 */
export function withoutCards(
  spec: Pick<InstanceSpec, "kind" | "restarts">,
): "starts-again" | "ends" | "goes-on" {
  if (spec.kind === "environment") return "goes-on";
  return restartsOf(spec) === "never" ? "ends" : "starts-again";
}

/**
 * What to do for a run that should run and whose container (null: none there) does not.
 * @param now the host's monotonic clock
 */
export function nextStart(
  {
    restarts,
    record,
    container,
  }: { restarts: "within-run" | "never"; record: RunRecord | null; container: Container | null },
  now: MonotonicTime,
): NextStart {
  if (!record || record.starts === 0) return { kind: "start", attempt: 1 };
  if (record.trouble && record.gate === null && FINAL_PROBLEMS.includes(record.trouble.problem)) {
    return { kind: "give-up", end: failedWith(record.trouble.problem, statementOf(record.trouble), null) };
  }
  if (restarts === "never") {
    // A rank that died cannot rejoin its gang, and a finished one is finished: a retry is a new run.
    const end = onlyEnd(record, container, now);
    if (end !== null) return { kind: "give-up", end };
  }
  const how = lastFailure(record, container);
  const ranMs = sinceLastStart(record, now);
  // Another boot: the host went down, not the container. One that was up and never served was in no stable stretch.
  const isStable = how.kind !== "not-started" && record.unwell?.hasServed !== false;
  if (ranMs === null || (ranMs >= STABLE_MS && isStable)) return { kind: "start", attempt: 1 };
  const attempt = record.starts + 1;
  if (attempt > MAX_STARTS) {
    return {
      kind: "give-up",
      end: { ...how.end, phase: "failed", ...worded(inSequence(GIVEN_UP, statementOf(how.end))) },
    };
  }
  if (ranMs >= delayBefore(attempt)) return { kind: "start", attempt };
  return {
    kind: "wait",
    attempt,
    untilMs: now.ms + delayBefore(attempt) - ranMs,
    ...worded(inSequence(statementOf(how.end), startFollows(attempt))),
  };
}

/** How the one life of a run's container ended; null where it had none yet. */
function onlyEnd(record: RunRecord, container: Container | null, now: MonotonicTime): RunEnd | null {
  if (container?.status.state === "exited") {
    const end = endOf(record, container.status);
    // What a container says that went down with its host is the runtime's word, and no program's.
    return isOfBoot(record, now) ? end : failedWith("container-lost", WENT_DOWN, end.exitCode);
  }
  const how = lastFailure(record, container);
  if (how.kind === "not-started") return null;
  return isOfBoot(record, now) ? how.end : failedWith("container-lost", WENT_DOWN, null);
}

const WENT_DOWN: HostReason = { code: "container-down-with-host", params: {} };
const REMOVED_ELSEWHERE: HostReason = { code: "container-removed-elsewhere", params: {} };
const NOT_STARTED: HostReason = { code: "container-not-started", params: {} };
const OUT_OF_MEMORY: HostReason = { code: "container-out-of-memory", params: {} };
const GIVEN_UP: HostReason = { code: "container-restarts-exhausted", params: { most: MAX_STARTS } };

function startFollows(attempt: number): HostReason {
  return { code: "container-restarts-follow", params: { attempt, most: MAX_STARTS } };
}

/** Whether its container was seen in this boot: at its start, or when its gate opened. */
function isOfBoot({ lastStart, gate }: RunRecord, { bootId }: MonotonicTime): boolean {
  const seen = lastStart ?? gate;
  return seen === null || seen.bootId === bootId;
}

/** How the run would be reported if it ended now. */
function lastFailure(
  record: RunRecord,
  container: Container | null,
): { kind: "exited" | "lost" | "not-started"; end: RunEnd } {
  if (record.trouble) {
    return {
      kind: "not-started",
      end: failedWith(record.trouble.problem, statementOf(record.trouble), null),
    };
  }
  if (container?.status.state === "exited") return { kind: "exited", end: endOf(record, container.status) };
  if (record.containerId !== null && container === null) {
    return {
      kind: "lost",
      end: failedWith("container-lost", REMOVED_ELSEWHERE, null),
    };
  }
  return {
    kind: "not-started",
    end: failedWith("runtime-error", NOT_STARTED, null),
  };
}

/** By itself, or by this host, since it did not serve or was kept from its cards. */
function endOf({ unwell }: RunRecord, exit: { exitCode: number; outOfMemory: boolean }): RunEnd {
  if (unwell === undefined) return exitedBy(exit);
  return failedWith(unwell.problem ?? "probe-failed", statementOf(unwell), exit.exitCode);
}

/** How a container that ended by itself ends its run. */
export function exitedBy(exit: { exitCode: number; outOfMemory: boolean }): RunEnd {
  if (exit.outOfMemory) {
    return failedWith("out-of-memory", OUT_OF_MEMORY, exit.exitCode);
  }
  const exited: HostReason = { code: "container-exited", params: { exit_code: exit.exitCode } };
  const failure = failedWith("exited", exited, exit.exitCode);
  return exit.exitCode === 0 ? { ...failure, phase: "stopped" } : failure;
}

function failedWith(problem: InstanceProblem, why: HostStatement, exitCode: number | null): RunEnd {
  return { phase: "failed", problem, ...worded(why), exitCode, orderedBy: null };
}

/** Null when the last start lies in another boot or was not seen. */
function sinceLastStart(record: RunRecord, now: MonotonicTime): number | null {
  if (!record.lastStart || record.lastStart.bootId !== now.bootId) return null;
  return now.ms - record.lastStart.ms;
}
