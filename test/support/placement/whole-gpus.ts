/** Whole GPUs of any model: as an order wants them, and as work that has one holds it. */
import type { GpuRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";

export function wholeGpus(count: number): GpuRequest {
  return { kind: "whole", count, leastMemoryMib: 0, models: null };
}

export const HELD_WHOLE = { use: "exclusive", freeShareThousandths: 0, freeMemoryMib: 0 } as const;
