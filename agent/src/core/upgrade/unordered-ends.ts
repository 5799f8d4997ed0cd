/**
 * Which of the agent's own actions end a container that nobody asked it to end. A version that misreads what is wanted shows
 * itself by these, so they are judged by the orders and the list of containers alone, not by what the action claims of itself.
 */
import type { Action } from "../runs/action.ts";
import { isRunning, isSameRun, type RunKey } from "../container/container.ts";
import { ownedContainers, type Knowledge } from "../runs/run-view.ts";

type Orders = Pick<Knowledge, "desired" | "unserved">;

/**
 * True of a stop, a restart or a removal of a running container where no order wants its run ended or replaced. Counted with
 * them: what ends for a lost card, for an orphan's grace, and for a control plane that was away too long. Not counted: a
 * program that ends by itself, which is no action of the agent, and what a program brings about at will (its storage, the
 * disk that it fills, its own probe), since its owner could then undo every upgrade of the host.
 */
export function isUnorderedEnd(
  action: Action,
  knowledge: Orders & Pick<Knowledge, "hostId" | "observed">,
): boolean {
  switch (action.kind) {
    case "stop":
      if (action.cause === "storage-exceeded" || action.cause === "disk-filled") return false;
      return isEndOfRunning(action, knowledge);
    case "end-unwell":
      return action.unwell.problem === "gpu-failed" && isEndOfRunning(action, knowledge);
    case "remove":
      return isEndOfRunning(action, knowledge);
    case "hold-stops":
    case "refuse":
    case "adopt":
    case "open-gate":
    case "note-serving":
    case "note-holding":
    case "note-refusal":
    case "close-run":
    case "keep-remains":
    case "forget":
    case "restart":
    case "start":
      return false;
  }
}

function isEndOfRunning(
  action: RunKey & { containerId: string },
  knowledge: Orders & Pick<Knowledge, "hostId" | "observed">,
): boolean {
  const container = ownedContainers(knowledge).find(({ containerId }) => containerId === action.containerId);
  return isRunning(container ?? null) && !isEndOrdered(action, knowledge);
}

/** An order wants the run ended, names another run of its placement instead, or wants a later placement to run. */
function isEndOrdered(run: RunKey, { desired, unserved }: Orders): boolean {
  const orders = [...desired, ...unserved].filter(({ instanceId }) => instanceId === run.instanceId);
  const own = orders.find((order) => isSameRun(order, run));
  if (own !== undefined && own.want !== "running") return true;
  return orders.some(
    (order) =>
      (own === undefined && order.placementEpoch === run.placementEpoch) ||
      (order.want === "running" && order.placementEpoch > run.placementEpoch),
  );
}
