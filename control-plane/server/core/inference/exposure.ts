/** How a service shows itself at gateways: the part of its config that they go by, as API and tables name it. */
import { DEFAULT_BOUNDS, type ServiceRoute } from "../gateway/services/service-route.ts";

export interface ExposureConfig {
  /** Whoever knows the address may ask, without a key. */
  public?: boolean | undefined;
  /** Pages of these origins may call it from a browser; "*" is all of them. */
  cors_origins?: string[] | undefined;
  /** Requests that one replica is given at once, by all gateways. */
  max_in_flight?: number | undefined;
  /** Requests that wait for a replica at each gateway, and how long. */
  max_queued?: number | undefined;
  queue_seconds?: number | undefined;
  /** How long, where none serves and a request wakes one. */
  wake_seconds?: number | undefined;
  /** Until the first byte of an answer. */
  timeout_seconds?: number | undefined;
  /** So long a replica that goes has to answer what it was given. */
  drain_seconds?: number | undefined;
}

export function exposureOf(
  config: ExposureConfig | null,
): Pick<ServiceRoute, "isPublic" | "corsOrigins" | "bounds"> {
  return {
    isPublic: config?.public === true,
    corsOrigins: config?.cors_origins ?? [],
    bounds: {
      maxInFlight: config?.max_in_flight ?? DEFAULT_BOUNDS.maxInFlight,
      maxQueued: config?.max_queued ?? DEFAULT_BOUNDS.maxQueued,
      queueSeconds: config?.queue_seconds ?? DEFAULT_BOUNDS.queueSeconds,
      wakeSeconds: config?.wake_seconds ?? DEFAULT_BOUNDS.wakeSeconds,
      timeoutSeconds: config?.timeout_seconds ?? DEFAULT_BOUNDS.timeoutSeconds,
    },
  };
}
