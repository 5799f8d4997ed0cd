/**
 * Why a service or port of an environment is not reached through the gateway, in a sentence for its people and for the
 * pages that the gateway shows; nothing where there is a way. Whether somebody answers behind it, only asking tells.
 */
import type { EnvironmentStatus } from "@remotegpu/shared/workload";
import type { WebTarget } from "./web-target.ts";

/** Which services were ordered with the environment. */
export interface WebSwitches {
  ssh: boolean;
  jupyter: boolean;
  tensorboard: boolean;
  terminal: boolean;
}

export interface WebEnvironment {
  name: string;
  status: EnvironmentStatus;
  statusReason: string | null;
  switches: WebSwitches;
  brings: readonly string[] | null;
}

export interface WebObstacle {
  kind: "starting" | "stopped" | "not-there";
  sentence: string;
}

/** What an image must bring, as agents name it, and what it is called. */
const NEEDS = {
  jupyter: { word: "notebook", name: "JupyterLab" },
  tensorboard: { word: "tensorboard", name: "TensorBoard" },
} as const;

export function whyNoWay(environment: WebEnvironment, target: WebTarget | "ssh"): WebObstacle | null {
  const { status, switches, brings } = environment;
  if (typeof target !== "number" && !switches[target])
    return {
      kind: "not-there",
      sentence: `${target} is switched off for this environment; switch it on, and restart the environment.`,
    };
  if (status !== "running") return notRunning(environment);
  if (target === "jupyter" || target === "tensorboard") {
    const { word, name } = NEEDS[target];
    if (brings !== null && !brings.includes(word))
      return { kind: "not-there", sentence: `Not in the image: it has no ${name}.` };
  }
  return null;
}

function notRunning({ name, status, statusReason }: WebEnvironment): WebObstacle {
  const why = statusReason === null || statusReason === "" ? "" : ` ${statusReason}`;
  switch (status) {
    case "queued":
    case "creating":
    case "restarting":
      return { kind: "starting", sentence: `The environment is still starting.${why}` };
    case "running":
    case "stopping":
    case "stopped":
    case "error":
    case "deleting":
      return {
        kind: "stopped",
        sentence: `The environment is ${status}. Start it: remotegpu env start ${name}`,
      };
  }
}
