/** The config of a service's order and of its scaling, as API and tables name them, and how its replicas are asked. */
import { type Feature, featuresFor } from "@remotegpu/shared/instance/features";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { STOP_GRACE_SECONDS } from "../instances/desired-set.ts";
import type { OrderConfig } from "../orders/order.ts";
import type { ExposureConfig } from "./exposure.ts";
import { STARTUP_SECONDS } from "./replica.ts";

const DEFAULT_PORT = 8_000;

export interface ServiceConfig extends OrderConfig, ExposureConfig {
  /** In place of the image's own. */
  command?: string | undefined;
  /** Where each replica listens. */
  port?: number | undefined;
  /** From the word to end to the kill. */
  stop_grace_seconds?: number | undefined;
}

/** Seconds are whole; targets are per replica. */
export interface AutoscalingOrder {
  /** Percent of a replica's cores. */
  target_cpu?: number | undefined;
  /** Requests a second. */
  target_qps?: number | undefined;
  target_in_flight?: number | undefined;
  scale_down_delay?: number | undefined;
  scale_to_zero_after?: number | undefined;
  paused?: boolean | undefined;
}

export interface HealthCheck {
  /** Null: ready is who accepts a connection. */
  path: string | null;
  intervalSeconds: number;
}

const THRESHOLDS = { success: 1, failure: 2, restart: 5 };

export function portOf(config: ServiceConfig | null): number {
  return config?.port ?? DEFAULT_PORT;
}

type Live = DesiredInstance["live"];

export function probeOf(
  config: ServiceConfig | null,
  { path, intervalSeconds }: HealthCheck,
): NonNullable<Live["probe"]> {
  return {
    path,
    port: portOf(config),
    intervalSeconds,
    startupSeconds: STARTUP_SECONDS,
    thresholds: THRESHOLDS,
  };
}

/** What is applied live to a replica, outside the spec hash. */
export function replicaLive(config: ServiceConfig | null, check: HealthCheck): Live {
  return {
    stopGraceSeconds: config?.stop_grace_seconds ?? STOP_GRACE_SECONDS,
    onDisconnect: "keep",
    stopAfterSeconds: null,
    probe: probeOf(config, check),
  };
}

/** The features that the hosts' agents need beyond what every replica needs. */
export function serviceNeeds(config: ServiceConfig | null): Feature[] {
  return featuresFor({ spec: {}, live: { stopGraceSeconds: config?.stop_grace_seconds } });
}
