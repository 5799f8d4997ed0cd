/** Counts Xid errors by GPU and number. Few numbers have a series of their own, so that no log can grow the metrics. */
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { KernelFinding } from "../gpus/kernel-lines/kernel-finding.ts";
import { Counts } from "./counts.ts";

/**
 * Numbers that operators look for: errors of programs (13, 31, 43, 45, 68, 69), of memory (48, 63, 64, 92, 94, 95, 156 to
 * 158, 171, 172), of NVLink and the fabric (74, 137, 144, 145, 149, 150), of the bus, the firmware and the GPU itself.
 */
export const KNOWN_XIDS: readonly number[] = [
  8, 13, 31, 32, 38, 43, 45, 48, 54, 61, 62, 63, 64, 68, 69, 74, 79, 92, 94, 95, 109, 110, 119, 120, 121, 136,
  137, 140, 143, 144, 145, 149, 150, 154, 156, 157, 158, 171, 172,
];
export const OTHER_XID = "other";

const LABELS = new Map(KNOWN_XIDS.map((xid) => [`xid-${xid}`, String(xid)]));
const XID_CODE = /^xid-\d+$/;

/** Null where the code is of no Xid. */
export function xidLabel(code: string): string | null {
  if (!XID_CODE.test(code)) return null;
  return LABELS.get(code) ?? OTHER_XID;
}

export class XidCounts {
  readonly #byGpu = new Map<GpuUuid, Counts<string>>();

  /** @param gpuOf the GPU with this PCI address; of one that is not known nothing is counted */
  add(
    findings: readonly Pick<KernelFinding, "target" | "code">[],
    gpuOf: (busKey: string) => GpuUuid | undefined,
  ): void {
    for (const { target, code } of findings) {
      const label = xidLabel(code);
      const gpu = target.kind === "gpu" ? gpuOf(target.busKey) : undefined;
      if (label !== null && gpu !== undefined) this.#countsOf(gpu).add(label);
    }
  }

  get all(): { gpu: GpuUuid; xid: string; count: number }[] {
    return [...this.#byGpu].flatMap(([gpu, counts]) =>
      [...counts.all].map(([xid, count]) => ({ gpu, xid, count })),
    );
  }

  #countsOf(gpu: GpuUuid): Counts<string> {
    const known = this.#byGpu.get(gpu) ?? new Counts<string>();
    this.#byGpu.set(gpu, known);
    return known;
  }
}
