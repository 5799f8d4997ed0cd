/** What a gateway knows of one inference service: whether it answers, by which bounds, and where its replicas are. */
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import type { GivenReason } from "../../reasons/plain-reason.ts";
import type { Reason } from "../../reasons/reason.ts";

export interface ReplicaPlace {
  instanceId: InstanceId;
  hostId: HostId;
  port: number;
  revision: number;
}

export interface ServiceRoute {
  id: string;
  name: string;
  status: InferenceServiceStatus;
  statusReason: Reason | null;
  isPublic: boolean;
  /** The origins whose pages may send requests from a browser; "*" is all of them. */
  corsOrigins: readonly string[];
  bounds: ServiceBounds;
  /** Those that run, this one among them: what a replica may have at once is theirs together. */
  gateways: number;
  sleep: Sleep;
  /** Those that serve. */
  replicas: readonly ReplicaPlace[];
}

/**
 * The sleep of a service that may go without replicas while nobody sends requests: whether it does so now, until a
 * request wakes it.
 */
export type Sleep = "never" | "awake" | "asleep";

/** As its owner set them, or by default. */
export interface ServiceBounds {
  /** Requests that one replica is given at once, by all gateways; null for as many as come. */
  maxInFlight: number | null;
  /** Requests that wait for a replica at one gateway, and how long. */
  maxQueued: number;
  queueSeconds: number;
  /** How long at least, where none serves because nobody asked: until one has started. */
  wakeSeconds: number;
  /** From the whole way of a request to the first byte of its answer. */
  timeoutSeconds: number;
}

export const DEFAULT_BOUNDS: ServiceBounds = {
  maxInFlight: null,
  maxQueued: 100,
  queueSeconds: 30,
  wakeSeconds: 300,
  timeoutSeconds: 600,
};

/** How long a request may wait for a replica. */
export function patienceSeconds({ bounds, sleep, replicas }: ServiceRoute): number {
  const isWoken = sleep !== "never" && replicas.length === 0;
  return isWoken ? Math.max(bounds.queueSeconds, bounds.wakeSeconds) : bounds.queueSeconds;
}

/** Null while requests to it are let in; else the reason why nobody answers. */
export function whyClosed({ status, statusReason }: ServiceRoute): GivenReason | null {
  switch (status) {
    case "creating":
    case "running":
      return null;
    case "stopping":
    case "stopped":
      return "service-stopped-by-owner";
    case "error":
      return statusReason === null
        ? "service-not-running"
        : { code: "service-not-running-because", params: { why: statusReason } };
  }
}
