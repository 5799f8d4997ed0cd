/**
 * What was ordered, in one shape for all kinds of workload: it is made where a row or a request is read, and whatever
 * prices, checks, queues or places an order reads this. What only one kind has stays with that kind.
 */
import type { Feature } from "@remotegpu/shared/instance/features";
import { parsePoints, type Points } from "@remotegpu/shared/values/money";
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { GpuRequest, PlacementRequest, Spread } from "../placement/fleet/fits-on.ts";
import type { Waiting } from "../queue/queue.ts";
import type { Mount } from "./order-check.ts";
import type { Quota } from "./quota-levels.ts";

/** The spec that applies when an order names none. */
export const DEFAULT_SPEC = "default";

/** What an order asks for each of its instances. */
export interface Resources {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly gpus: number;
  /** Memory asked of each GPU: a filter, or the size of the slice when `gpuShared`. */
  readonly gpuMemoryBytes: number | null;
  readonly gpuShared: boolean;
  /** Null where any will do. */
  readonly gpuModel: string | null;
  /** The bound of code and output together; null where there is none. */
  readonly storageBytes: number | null;
  /** The bound of an instance's own file system; null where a default holds. */
  readonly tempStorageBytes: number | null;
  /** Under whose prices. */
  readonly spec: string;
  /** Instances that start together, or not at all. */
  readonly instances: number;
  /** What an hour of the whole order may cost; null where nobody said. */
  readonly maximum: PriceMaximum | null;
}

interface PriceMaximum {
  readonly hourly: Points;
  /** The instances of the whole order, all alike. */
  readonly instances: number;
}

/** Where its instances may go. */
export interface PlaceConstraints {
  readonly image: string;
  /** Labels that each host must carry. */
  readonly hostLabels: Readonly<Record<string, string>>;
  /** Its files are there, so it starts nowhere else; null where it has none yet. */
  readonly storagePool: string | null;
  /**
   * No two instances on one host. To torchrun a rank is a node wherever it stands: each has an address and ports of its
   * own, and those on one host only talk the faster. Who wants them apart says so, and waits for as many hosts.
   */
  readonly distinctHosts: boolean;
}

export interface Order extends Resources, PlaceConstraints {
  readonly kind: WorkloadKind;
  /** Null before it exists. */
  readonly id: string | null;
  readonly customerId: number;
  readonly workspaceId: number | null;
  readonly payerId: number;
  readonly datasets: readonly Mount[];
  readonly models: readonly Mount[];
  /** What the host's agent must be able to do for this very order. */
  readonly needs?: readonly Feature[];
}

/** What of its config decides where an order goes and what it costs, as API and tables name it. */
export interface OrderConfig {
  /** The price spec; "default" where none is named. */
  spec?: string | undefined;
  gpu_sharing?: "exclusive" | "shared" | undefined;
  gpu_model?: string | undefined;
  /** What an hour of the whole order may cost, all its instances together; a plain decimal. */
  max_price_per_hour?: string | undefined;
  host_labels?: Readonly<Record<string, string>> | undefined;
  distinct_hosts?: boolean | undefined;
}

/** The fields of an order as API and tables name them; sizes in bytes, CPU in cores. */
export interface OrderFields {
  cpu: number;
  memory: number;
  gpu: number;
  gpu_memory: number | null;
  storage?: number | null;
  temp_storage?: number | null;
  config: OrderConfig | null;
  /** Instances of the whole order; one, if left out. */
  node_count?: number;
}

/** The one place that reads those fields. */
export function resourcesOf(fields: OrderFields): Resources {
  const { config, node_count: instances = 1 } = fields;
  return {
    cpuMilli: fields.cpu * THOUSANDTHS,
    memoryBytes: fields.memory,
    gpus: fields.gpu,
    gpuMemoryBytes: fields.gpu_memory,
    gpuShared: config?.gpu_sharing === "shared",
    gpuModel: config?.gpu_model ?? null,
    storageBytes: fields.storage ?? null,
    tempStorageBytes: fields.temp_storage ?? null,
    spec: config?.spec ?? DEFAULT_SPEC,
    instances,
    maximum: maximumOf(config?.max_price_per_hour, instances),
  };
}

function maximumOf(text: string | undefined, instances: number): PriceMaximum | null {
  return text === undefined ? null : { hourly: readableMaximum(text), instances };
}

/** The API takes none that it cannot read. One that was written past it allows nothing that costs. */
function readableMaximum(text: string): Points {
  try {
    return parsePoints(text);
  } catch (error) {
    if (error instanceof RangeError) return 0n;
    throw error;
  }
}

/** @param pricedModels the models that the order has a price for; null where that does not matter */
export function gpuRequest(order: Resources, pricedModels: readonly string[] | null): GpuRequest {
  const named = order.gpuModel;
  const models =
    named === null ? pricedModels : (pricedModels?.filter((model) => model === named) ?? [named]);
  const memoryMib = mibRoundedUp(order.gpuMemoryBytes ?? 0);
  if (order.gpus === 0) return { kind: "none" };
  if (order.gpuShared) return { kind: "slice", memoryMib, shareThousandths: 0, models };
  return { kind: "whole", count: order.gpus, leastMemoryMib: memoryMib, models };
}

/** What decides where it may go beside what it asks. */
export interface OrderCircumstances {
  skips: PlacementRequest["skips"];
  /** Hosts that no gang is placed on together. */
  apart: PlacementRequest["apart"];
  /** Hosts that a gang has alone or not at all; left out where there is none. */
  alone?: ReadonlyMap<string, string> | undefined;
  /** The models that it has a price for; null where that does not matter. */
  pricedModels: readonly string[] | null;
  /** What the host's agent must be able to do. */
  features: readonly string[];
  /** Where else instances of its workload are; left out where that does not matter. */
  spread?: Spread | undefined;
}

/** @param id names it among the requests of one pass */
export function placementRequest(
  order: Resources & PlaceConstraints,
  id: string,
  { skips, apart, alone, pricedModels, features, spread }: OrderCircumstances,
): PlacementRequest {
  return {
    id,
    instances: order.instances,
    distinctHosts: order.distinctHosts,
    cpuMilli: order.cpuMilli,
    memoryMib: mibRoundedUp(order.memoryBytes),
    tempStorageMib: mibRoundedUp(order.tempStorageBytes ?? 0),
    gpu: gpuRequest(order, pricedModels),
    labels: order.hostLabels,
    features,
    image: order.image,
    storagePool: order.storagePool,
    skips: [...skips],
    apart: order.instances > 1 ? apart : [],
    ...(order.instances > 1 && alone !== undefined && alone.size > 0 && { alone }),
    ...(spread !== undefined && { spread }),
  };
}

/** Who shares the fleet with others: a workspace; work outside every workspace shares as its customer's. */
export function sharerOf(order: Pick<Order, "customerId" | "workspaceId">): string {
  return order.workspaceId === null ? `customer-${order.customerId}` : `${order.workspaceId}`;
}

/** How urgent a start is, and since when it waits. */
export interface Urgency {
  priority: number;
  /** An administrator put it before all others. */
  isUrgent: boolean;
  orderedAt: Date;
  /** How long it may run; null where as long as it likes. */
  limitSeconds: number | null;
}

/** A slice counts as a GPU, as in quotas; what it holds of a card is known once it has a place. */
export function waitingOrder(
  order: Pick<Order, "customerId" | "workspaceId" | "payerId" | "instances"> & Resources,
  id: string,
  { priority, isUrgent, orderedAt, limitSeconds }: Urgency,
): Waiting & Pick<Urgency, "limitSeconds"> {
  return {
    id,
    priority,
    isUrgent,
    orderedAtMs: orderedAt.getTime(),
    payer: `${order.payerId}`,
    workspace: sharerOf(order),
    demand: {
      cpuMilli: order.cpuMilli * order.instances,
      memoryMib: mibRoundedUp(order.memoryBytes) * order.instances,
      gpuThousandths: order.gpus * order.instances * THOUSANDTHS,
    },
    limitSeconds,
  };
}

/** What all instances of a start take of the quotas together; a slice counts as a GPU. */
export function resourceShare(order: Resources): Pick<Quota, "cpu_quota" | "memory_quota" | "gpu_quota"> {
  return {
    cpu_quota: (order.cpuMilli / THOUSANDTHS) * order.instances,
    memory_quota: mibRoundedUp(order.memoryBytes) * order.instances,
    gpu_quota: order.gpus * order.instances,
  };
}

export function mibRoundedUp(bytes: number): number {
  return Math.ceil(bytes / MIB);
}
