/** Xid errors by GPU: known numbers have a series each, and all others one together. */
import { KNOWN_XIDS, OTHER_XID, XidCounts, xidLabel } from "@remotegpu/agent/core/metrics/xid-counts";
import { XID_CATALOGUE } from "@remotegpu/agent/core/gpus/kernel-lines/xid-catalogue";
import type { KernelFinding } from "@remotegpu/agent/core/gpus/kernel-lines/kernel-finding";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import { expect, test } from "vitest";
import { CARD_A } from "../../../../support/samples/reports/gpu-reports.ts";

const A = CARD_A as GpuUuid;
const MOST_SERIES = 40;
const at = (busKey: string, code: string): Pick<KernelFinding, "target" | "code"> => ({
  target: { kind: "gpu", busKey },
  code,
});
const gpuOf = (busKey: string) => (busKey === "here" ? A : undefined);

test("the known numbers are of NVIDIA's catalogue, each once, and bounded with the others' series", () => {
  expect(KNOWN_XIDS.filter((xid) => !XID_CATALOGUE.has(xid))).toEqual([]);
  expect(new Set(KNOWN_XIDS).size).toBe(KNOWN_XIDS.length);
  expect(KNOWN_XIDS.length + 1).toBeLessThanOrEqual(MOST_SERIES);
});

test.each([
  ["xid-79", "79"],
  ["xid-1", OTHER_XID],
  ["xid-4711", OTHER_XID],
  ["sxid-20034", null],
  ["fell-off-the-bus", null],
])("the code %s has the label %s", (code, label) => {
  expect(xidLabel(code)).toBe(label);
});

test("errors are counted for GPUs that are known, whatever numbers the log makes up", () => {
  const counts = new XidCounts();
  const madeUp = Array.from({ length: 1_000 }, (_, index) => at("here", `xid-${10_000 + index}`));

  counts.add([at("here", "xid-79"), at("here", "xid-79"), at("elsewhere", "xid-79"), ...madeUp], gpuOf);
  counts.add([{ target: { kind: "switched-gpus" }, code: "xid-79" }, at("here", "aer")], gpuOf);

  expect(counts.all).toEqual([
    { gpu: A, xid: "79", count: 2 },
    { gpu: A, xid: OTHER_XID, count: 1_000 },
  ]);
});
