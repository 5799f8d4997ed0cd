/** What one process of the control plane counts while it works. Only whoever serves /metrics reads it. */
import { DistributionCounter } from "@remotegpu/shared/metrics/distribution";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { WORKLOAD_KINDS } from "@remotegpu/shared/values/workload";
import { CONTROL_PLANE_FAMILIES, type ControlPlaneMetric } from "./families.ts";
import { LabelledCounter } from "./labelled-counter.ts";
import {
  type CountedPlacement,
  PLACEMENT_RESULTS,
  statusClassOf,
  STATUS_CLASSES,
  WEBHOOK_RESULTS,
} from "./label-values.ts";

export class ServerCounters {
  readonly placements = counterOf(
    "placements_total",
    WORKLOAD_KINDS.flatMap((kind) => PLACEMENT_RESULTS.map((result) => [kind, result])),
  );
  readonly placementDurations = distributionOf(
    "placement_duration_seconds",
    WORKLOAD_KINDS.map((kind) => [kind]),
  );
  readonly ingestedRows = counterOf("usage_ingested_rows_total", [[]]);
  readonly webhookDeliveries = counterOf(
    "webhook_deliveries_total",
    WEBHOOK_RESULTS.map((result) => [result]),
  );
  readonly gatewayRequests = counterOf(
    "gateway_requests_total",
    STATUS_CLASSES.map((statusClass) => [statusClass]),
  );

  placed(placements: readonly CountedPlacement[]): void {
    for (const { kind, result, waitedMs } of placements) {
      this.placements.add([kind, result]);
      if (waitedMs !== null) this.placementDurations.observe([kind], Math.max(waitedMs, 0) / MS_PER_SECOND);
    }
  }

  ingested(rows: number): void {
    this.ingestedRows.add([], rows);
  }

  /** @param status null where no answer came */
  webhookTried({ delivered, status }: { delivered: boolean; status: number | null }): void {
    this.webhookDeliveries.add([delivered ? "delivered" : status === null ? "failed" : "refused"]);
  }

  gatewayAnswered(status: number): void {
    this.gatewayRequests.add([statusClassOf(status)]);
  }
}

/** A counter of the family of that name. */
export function counterOf(
  name: ControlPlaneMetric,
  initial: readonly (readonly string[])[] = [],
): LabelledCounter {
  return new LabelledCounter(familyOf(name).labels, initial);
}

export function distributionOf(
  name: ControlPlaneMetric,
  initial: readonly (readonly string[])[] = [],
): DistributionCounter {
  const { labels, buckets: bounds = [] } = familyOf(name);
  return new DistributionCounter({ bounds, labels }, initial);
}

function familyOf(name: ControlPlaneMetric) {
  const family = CONTROL_PLANE_FAMILIES.find((one) => one.name === name);
  if (family === undefined) throw new Error(`no family of metrics is called ${name}`);
  return family;
}
