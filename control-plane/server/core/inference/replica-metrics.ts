/**
 * What a replica tells of itself in Prometheus' format: where it is asked, what may come of that, and which types of its
 * answers are passed on.
 */
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";

export interface MetricsPlace {
  hostId: HostId;
  instanceId: InstanceId;
  port: number;
}

/** Each `why` is a sentence. */
export type MetricsReply =
  | { kind: "page"; type: string; bytes: Uint8Array<ArrayBuffer> }
  /** Its host is not reached from here. */
  | { kind: "away"; why: string }
  /** The replica says something else, or nothing. */
  | { kind: "wrong"; why: string }
  | { kind: "late"; why: string };

export interface ReplicaMetrics {
  /** Never fails. @param signal the client is gone */
  request(place: MetricsPlace, signal: AbortSignal): Promise<MetricsReply>;
}

/** What is asked for, the wider known form first. */
export const METRICS_ACCEPT = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5";

const TYPES = new Set(["text/plain", "application/openmetrics-text"]);

/** As it is passed on, of text alone and made anew, whatever else a replica says of it; null where it is another type. */
export function metricsType(reported: string | undefined): string | null {
  const [type = "", ...parameters] = (reported ?? "").split(";").map((part) => part.trim().toLowerCase());
  if (!TYPES.has(type)) return null;
  const version = parameters.find((parameter) => /^version=[0-9.]{1,10}$/.test(parameter));
  return [type, ...(version === undefined ? [] : [version]), "charset=utf-8"].join("; ");
}
