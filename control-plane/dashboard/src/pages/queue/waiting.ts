/** What waits in the line, and where else it is told of. */
import type { Queue } from "@remotegpu/control-plane/server/http/queue/queue";
import type { WorkloadRef } from "../../components/workload/workload.ts";

export type Waiting = Queue["items"][number];

const KINDS = {
  environment: { page: "/environments", home: "/environments", topic: "env" },
  training: { page: "/training", home: "/training-jobs", topic: "job" },
  inference: { page: "/inference", home: "/inference-services", topic: "service" },
} as const;

/** Replicas of one service wait each by itself. */
export function keyOf({ kind, id, rank }: Waiting): string {
  return `${kind}/${id}/${rank}`;
}

export function pageOf({ kind, id }: Waiting): string {
  return `${KINDS[kind].page}/${encodeURIComponent(id)}`;
}

export function workloadOf({ kind, id }: Waiting): WorkloadRef {
  const { home, topic } = KINDS[kind];
  return { home, id, topics: [`${topic}:${id}`] };
}
