/**
 * Reads `nvidia-smi -L`, which goes on listing GPUs that are lost: "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-…)". Lines
 * of MIG devices stand indented below their GPU.
 */
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { readText, readUuid } from "./nvidia-smi-values.ts";

export type ListedGpu = { index: number; name: string; uuid: GpuUuid };

const LINE = /^GPU (\d{1,4}): (.{1,128}) \(UUID: ([^)]{1,80})\)\s*$/;
const MOST_LISTED = 64;

/** Lines of any other form name no GPU. */
export function parseGpuList(output: string): ListedGpu[] {
  return output
    .split(/\r?\n/)
    .flatMap((line): ListedGpu[] => {
      const [, index = "", text = "", id = ""] = LINE.exec(line) ?? [];
      const uuid = readUuid(id);
      const name = readText(text, 128);
      return uuid === null || name === null ? [] : [{ index: Number(index), name, uuid }];
    })
    .slice(0, MOST_LISTED);
}
