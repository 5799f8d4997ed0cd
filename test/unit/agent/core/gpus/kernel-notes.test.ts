/** What the kernel log says that closes no GPU, kept for the operators. */
import { describe, expect, test } from "vitest";
import { beginReading, readKernelLines } from "@remotegpu/agent/core/gpus/kernel-lines/kernel-reading";
import { afterLoss, afterNotes } from "@remotegpu/agent/core/gpus/kernel-notes";
import { KernelNote, MAX_KERNEL_NOTES } from "@remotegpu/shared/instance/gpu-errors";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { GpuUuid } from "@remotegpu/shared/values/ids";

const A = "GPU-0000000a" as GpuUuid;
const gpuOf = (busKey: string) => (busKey === "00000000:65:00" ? A : undefined);
const after = (notes: readonly KernelNote[], ...lines: string[]) =>
  afterNotes(notes, readKernelLines(beginReading(null), lines).heard, gpuOf);
const noted = (...lines: string[]) => after([], ...lines);
const xid = (code: number, bus = "65") => `NVRM: Xid (PCI:0000:${bus}:00): ${code}, x`;

describe("is recorded", () => {
  test.each([
    ["a note of a GPU", xid(63), { gpuUuid: A, device: "00000000:65:00", code: "xid-63", isUnknown: false }],
    ["a number that nobody knows", xid(999), { gpuUuid: A, code: "xid-999", isUnknown: true }],
    [
      "a program's fault of nobody who is known",
      xid(31),
      {
        reason: "Of a run that is not certain: Your program touched GPU memory that is not its own (Xid 31).",
      },
    ],
    ["a fatal error of a GPU that is not listed", xid(79, "66"), { gpuUuid: null, device: "00000000:66:00" }],
    [
      "a fatal error of a switch",
      "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 20034, Fatal",
      { gpuUuid: null, device: null, code: "sxid-20034" },
    ],
    [
      "an error of a switch that is not fatal",
      "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal",
      { gpuUuid: null, device: null, code: "sxid-12028" },
    ],
    [
      "an error of its link",
      "nvidia 0000:65:00.0: PCIe Bus Error: severity=Corrected",
      { gpuUuid: A, code: "aer" },
    ],
    [
      "a GPU that does not come up",
      "NVRM: GPU 0000:66:00.0: RmInitAdapter failed!",
      { gpuUuid: null, code: "rm-init-adapter" },
    ],
  ])("%s", (_what, line, note) => {
    const notes = noted(line);

    expect(notes).toMatchObject([{ ...note, count: 1 }]);
    expect(KernelNote.array().parse(notes)).toEqual(notes);
  });
});

test.each([
  [xid(63), { code: "xid", params: { xid: 63, meaning: { code: "xid-memory-marked", params: {} } } }],
  [xid(999), { code: "xid-not-in-table", params: { xid: 999 } }],
  [
    xid(31),
    {
      code: "program-fault-of-unknown-run",
      params: { fault: { code: "program-memory-foreign", params: { xid: 31 } } },
    },
  ],
  [
    "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal",
    { code: "sxid", params: { sxid: 12_028, nvswitch: 3 } },
  ],
])("has the code of its sentence: %s", (line, why) => {
  const [note] = noted(line);

  expect(note?.why).toEqual(why);
  expect(note?.why && textOf(note.why)).toBe(note?.reason);
});

test.each([
  ["what closes its GPU, which says so itself", xid(79)],
  ["a test message", xid(14)],
  [
    "a link's error of a device that is no GPU of ours",
    "pcieport 0000:00:01.0: AER: Corrected error received: 0000:66:00.0",
  ],
])("is not recorded: %s", (_what, line) => {
  expect(noted(line)).toEqual([]);
});

test("the same of the same device is counted", () => {
  const notes = after(noted(xid(63), xid(63), xid(63, "66")), xid(63));

  expect(notes.map(({ device, count }) => [device, count])).toEqual([
    ["00000000:65:00", 3],
    ["00000000:66:00", 1],
  ]);
});

test("no more are recorded than may be reported, and those go on counting", () => {
  const many = Array.from({ length: MAX_KERNEL_NOTES + 5 }, (_, at) => xid(1_000 + at));

  const notes = after(noted(...many), xid(1_000));

  expect(notes).toHaveLength(MAX_KERNEL_NOTES);
  expect(notes[0]).toMatchObject({ code: "xid-1000", count: 2 });
});

test("a log of which some was lost is noted, with how much", () => {
  expect(afterLoss([], 0)).toEqual([]);
  expect(afterLoss(afterLoss([], 3), 4)).toMatchObject([
    {
      gpuUuid: null,
      device: null,
      code: "kernel-log-lost",
      why: { code: "kernel-log-lost", params: {} },
      count: 7,
      isUnknown: false,
    },
  ]);
});
