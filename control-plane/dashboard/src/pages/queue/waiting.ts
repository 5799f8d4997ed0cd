/** What waits in the line, and where else it is told of. */
import type { Queue } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { WorkloadRef } from "../../components/workload/workload.ts";

export type Waiting = Queue["items"][number];

const KINDS = {
  environment: { page: "/environments", topic: "env" },
  training: { page: "/training", topic: "job" },
  inference: { page: "/inference", topic: "service" },
} as const;

/** Replicas of one service wait each by itself. */
export function keyOf({ kind, id, rank }: Waiting): string {
  return `${kind}/${id}/${rank}`;
}

export function pageOf({ kind, id }: Waiting): string {
  return `${KINDS[kind].page}/${encodeURIComponent(id)}`;
}

export function workloadOf({ kind, id }: Waiting): WorkloadRef {
  const { topic } = KINDS[kind];
  return { kind, id, topics: [`${topic}:${id}`] };
}
