/** What an order asks of GPUs, in words. */
import type { GpuRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { wantedGpus } from "@remotegpu/control-plane/server/core/placement/fleet/gpu-request";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { expect, test } from "vitest";

const whole = (count: number, leastMemoryMib = 0, models: string[] | null = null) =>
  ({ kind: "whole", count, leastMemoryMib, models }) as const;
const slice = (memoryMib: number, shareThousandths: number, models: string[] | null = null) =>
  ({ kind: "slice", memoryMib, shareThousandths, models }) as const;

test.each<[GpuRequest, string]>([
  [{ kind: "none" }, "no GPU"],
  [whole(2), "2 × GPU"],
  [whole(2, 80_000), "2 × GPU with at least 80000 MiB"],
  [whole(2, 0, ["A", "B"]), "2 × A or B"],
  [whole(2, 0, []), "2 × GPU with a price"],
  [slice(80_000, 0), "a slice of 80000 MiB of a GPU"],
  [slice(0, 500, ["A"]), "a slice of 500 thousandths of A"],
  [slice(80_000, 500, []), "a slice of 80000 MiB and 500 thousandths of GPU with a price"],
])("a request for GPUs is named as it was ordered: %j", (gpu, wanted) => {
  expect(inEnglish(wantedGpus(gpu))).toBe(wanted);
});
