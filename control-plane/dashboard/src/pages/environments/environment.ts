/** An environment as the pages show it, and what is read out of it. */
import type { Environment } from "@remotegpu/control-plane/http/environments/environment-answer";
import type { WorkloadRef } from "../../parts/workload/workload.ts";

export type { Environment };

const HOME = "/environments";

export function workloadOf(id: string): WorkloadRef {
  return { home: HOME, id, topics: [`env:${id}`] };
}

export function addressOfEnvironment(id: string): string {
  return `${HOME}/${encodeURIComponent(id)}`;
}

/** When its status began, as far as its row says. */
export function sinceOf({ status, started_at, stopped_at, updated_at }: Environment): string | null {
  if (status === "running") return started_at ?? updated_at;
  if (status === "stopped") return stopped_at ?? updated_at;
  return updated_at;
}

const MS_PER_MINUTE = 60_000;

/** Since when nobody uses it, and when it stops for that; null while it is used or nobody knows. */
export function idleOf({ instances, config }: Environment): { since: string; stopsAt: string | null } | null {
  const idle = instances.find(({ want }) => want === "running")?.idle ?? null;
  if (idle === null) return null;
  const minutes = config?.["idle_stop_minutes"];
  const stopsAt =
    typeof minutes === "number"
      ? new Date(Date.parse(idle.since) + minutes * MS_PER_MINUTE).toISOString()
      : null;
  return { since: idle.since, stopsAt };
}

/** Those that it holds now. */
export function gpusOf({ instances }: Environment): Environment["instances"][number]["gpus"] {
  return instances.flatMap(({ gpus }) => gpus);
}
