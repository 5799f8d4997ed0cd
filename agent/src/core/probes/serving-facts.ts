/** Adds to what is told of each run with a probe whether it serves, and where it does not, what its probe got. Pure. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import {
  type HostStatement,
  inSequence,
  reasonOf,
  statementOf,
  worded,
} from "@remotegpu/shared/reasons/host-reports/statement";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, ObservedInstance } from "@remotegpu/shared/instance/instance";
import { isSameRun } from "../container/container.ts";
import type { RunRecord } from "../runs/run-record.ts";
import type { Probed, Serving } from "./probe-state.ts";

export type ServingKnowledge = {
  desired: readonly DesiredInstance[];
  runs: readonly RunRecord[];
  /** The probes of those whose container runs. */
  probed: ReadonlyMap<RunId, Probed>;
};

export function withServing(
  instances: readonly ObservedInstance[],
  { desired, runs, probed }: ServingKnowledge,
): ObservedInstance[] {
  return instances.map((instance) => {
    const order = desired.find((one) => isSameRun(one, instance));
    if (order?.live.probe === undefined) return instance;
    const known = probed.get(instance.runId);
    const serving = servingOf(instance, known, runs);
    if (serving === null) return instance;
    const got = serving === "yes" ? null : (known?.got ?? null);
    return got !== null && instance.phase !== "stopping"
      ? { ...instance, serving, ...worded(inSequence(statementOf(instance), failing(got))) }
      : { ...instance, serving };
  });
}

function failing(got: HostStatement): HostReason {
  return { code: "probe-failing", params: { got: reasonOf(got) } };
}

/** Null of one that is over. */
function servingOf(
  instance: ObservedInstance,
  known: Probed | undefined,
  runs: readonly RunRecord[],
): Serving | null {
  switch (instance.phase) {
    case "starting":
      return "not-yet";
    case "ready": {
      const record = runs.find((one) => isSameRun(one, instance));
      // It is about to end, or ends, and is started again.
      if ((record?.unwell ?? known?.unwell ?? null) !== null) return "no";
      // Nobody has asked it in this life of the agent, as while the runtime says nothing: it is as it was.
      return known?.serving ?? record?.served?.serving ?? "not-yet";
    }
    case "stopping":
      return "no";
    case "stopped":
    case "failed":
      return null;
  }
}
