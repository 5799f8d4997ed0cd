/**
 * What a replica's answers come to: whether it serves, when it is asked again, and when its container has to be started
 * again. Failing a while takes it out of the way of requests only; what it costs and holds stays as it is. Pure.
 */
import { type HostStatement, reasonOf, worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { Probe } from "@remotegpu/shared/instance/probe";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { ContainerState } from "../container/container.ts";
import type { Unwell } from "../runs/action.ts";
import type { RunRecord } from "../runs/run-record.ts";
import type { Answer } from "./probe-answer.ts";

/** Somebody waits for its first answer. Ten times a second brought it no sooner: most programs listen when they are asked first. */
const STARTING_REST_MS = 500;
/** The time to start where the order does not give one. */
const STARTUP_SECONDS = 600;
const RESTART_AFTER_FAILURES = 5;

export type Serving = NonNullable<ObservedInstance["serving"]>;

export type ProbeState = {
  serving: Serving;
  /** Each counts answers in a row. */
  passes: number;
  failures: number;
  /** What the last one that failed got, as a part of a sentence; null once one has passed. */
  got: HostStatement | null;
};

/** What is known of a replica whose container runs. */
export type Probed = Pick<ProbeState, "serving" | "got"> & {
  /** The runtime's label of that container's start: it tells one life of it from another. Null: not known. */
  startedAt: string | null;
  /** Null while there is no need. */
  unwell: Unwell | null;
};

/** As the last life of the agent left it, where the container has gone on since; else it has to answer first. */
export function stateAtFirst(record: RunRecord, status: ContainerState): ProbeState {
  const isOfLife = status.state !== "running" || status.startedAt === record.served?.startedAt;
  const serving = isOfLife ? (record.served?.serving ?? "not-yet") : "not-yet";
  return { serving, passes: 0, failures: 0, got: null };
}

export function stateAfter(
  state: ProbeState,
  answer: Answer,
  { success, failure }: Probe["thresholds"],
): ProbeState {
  switch (answer.kind) {
    case "passed": {
      const passes = state.passes + 1;
      return { serving: passes >= success ? "yes" : state.serving, passes, failures: 0, got: null };
    }
    case "failed": {
      const failures = state.failures + 1;
      const isOut = state.serving === "yes" && failures >= failure;
      return { serving: isOut ? "no" : state.serving, passes: 0, failures, got: answer.got };
    }
    case "gone":
      // That its container ended is the runtime's to tell, and no failure to answer.
      return { ...state, serving: state.serving === "yes" ? "no" : state.serving };
    case "unknown":
      return state;
  }
}

export function backoffMs({ serving }: Pick<ProbeState, "serving">, { intervalSeconds }: Probe): number {
  return serving === "not-yet" ? STARTING_REST_MS : intervalSeconds * MS_PER_SECOND;
}

/** @param runsMs since its container was started */
export function unwellOf(
  { serving, failures, got }: ProbeState,
  { startupSeconds = STARTUP_SECONDS, thresholds: { restart = RESTART_AFTER_FAILURES } }: Probe,
  runsMs: number,
): Unwell | null {
  if (got === null) return null;
  if (serving === "not-yet")
    return runsMs < startupSeconds * MS_PER_SECOND
      ? null
      : {
          hasServed: false,
          ...worded({ code: "probe-never-passed", params: { seconds: startupSeconds, got: reasonOf(got) } }),
        };
  if (failures < restart) return null;
  return {
    hasServed: true,
    ...worded({ code: "probes-failed", params: { failures: restart, got: reasonOf(got) } }),
  };
}
