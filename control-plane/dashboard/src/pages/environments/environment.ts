/** An environment as the pages show it, and what is read out of it. */
import type { Environment } from "@remotegpu/control-plane/server/http/environments/environment-answer";
import type { WorkloadRef } from "../../components/workload/workload.ts";

export type { Environment };

const HOME = "/environments";

export function workloadOf(id: string): WorkloadRef {
  return { home: HOME, id, topics: [`env:${id}`] };
}

export function addressOfEnvironment(id: string): string {
  return `${HOME}/${encodeURIComponent(id)}`;
}

/** Those that it holds now. */
export function gpusOf({ instances }: Environment): Environment["instances"][number]["gpus"] {
  return instances.flatMap(({ gpus }) => gpus.filter(({ reading }) => reading !== null));
}
