/** An order, read as what prices are found for: its counts, and the most that it allows an hour to cost. */
import { parsePoints, type Points } from "@remotegpu/shared/money";
import { THOUSANDTHS } from "@remotegpu/shared/units";
import { type EnvironmentResources, isShared } from "../order.ts";
import type { PricedOrder, PriceMaximum } from "./price-lines.ts";

export function pricedOrder(order: EnvironmentResources): PricedOrder {
  return {
    cpuMilli: order.cpu * THOUSANDTHS,
    memoryBytes: order.memory,
    gpus: order.gpu,
    gpuMemoryBytes: order.gpu_memory,
    gpuShared: isShared(order),
    tempStorageBytes: order.temp_storage,
    maximum: maximumOf(order),
  };
}

function maximumOf({ config, node_count: instances = 1 }: EnvironmentResources): PriceMaximum | null {
  const text = config?.max_price_per_hour;
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
