/**
 * Processes of containers that are over: of one that the runtime calls ended, or that was removed from it. They hold
 * cards, folders and memory that may look free, so each is named with the cards that it has.
 */
import type { Check, Finding } from "@remotegpu/shared/doctor";
import type { OwnedContainer } from "../../core/container/container.ts";

export const LEFT_PROCESSES: Check = {
  check: "ended-means-empty",
  claim: "No container that has ended, or that was removed, still has processes.",
};

/** A control group of a container that no runtime knows, with what is alive in it. */
export type StrayGroup = {
  containerId: string;
  pids: readonly number[];
  /** Cards on which one of them is, as far as nvidia-smi tells. */
  gpus: readonly string[];
};

const MOST_PIDS = 5;

export function leftProcesses(
  containers: readonly OwnedContainer[],
  strays: readonly StrayGroup[],
): Finding[] {
  const known = containers.flatMap(({ containerId, owner, status }) =>
    status.state === "left-behind"
      ? [
          finding({
            containerId,
            pids: status.pids,
            gpus: owner.gpus.map(({ uuid }) => uuid),
            run: owner.runId,
          }),
        ]
      : [],
  );
  const named = new Set(containers.map(({ containerId }) => containerId));
  return [...known, ...strays.filter(({ containerId }) => !named.has(containerId)).map(finding)];
}

function finding({ containerId, pids, gpus, run }: StrayGroup & { run?: string }): Finding {
  const visible = pids.slice(0, MOST_PIDS).join(", ");
  // Not a part of the subject: what makes new processes all the time is the same finding in each look.
  const named = pids.length > MOST_PIDS ? `${visible} and ${pids.length - MOST_PIDS} more` : visible;
  return {
    finding: run === undefined ? "processes-without-container" : "processes-of-ended-container",
    subject: {
      ...(run !== undefined && { run }),
      container: containerId,
      gpus: gpus.join(", ") || "none",
    },
    sentence:
      run === undefined
        ? `Processes ${named}: the runtime of this host does not know their container, so nobody meters or ends them. Unless another runtime has it, end them with kill -KILL.`
        : `Processes ${named} hold what the run holds, and cost. Stopping the run ends them; what stays after that waits for a disk or a device.`,
  };
}
