/** An environment as the pages show it, and what is read out of it. */
import type { Environment } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { WorkloadRef } from "../../../components/workload/workload.ts";

export type { Environment };

const HOME = "/environments";

export function workloadOf(id: string): WorkloadRef {
  return { kind: "environment", id, topics: [`env:${id}`] };
}

export function addressOfEnvironment(id: string): string {
  return `${HOME}/${encodeURIComponent(id)}`;
}

/** Those that it holds now. */
export function gpusOf({ instances }: Environment): Environment["instances"][number]["gpus"] {
  return instances.flatMap(({ gpus }) => gpus.filter(({ reading }) => reading !== null));
}
