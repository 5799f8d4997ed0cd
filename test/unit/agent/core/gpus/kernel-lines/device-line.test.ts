/** Lines that name a device by its PCI address: falls off the bus, GPUs that do not come up, errors of PCIe. */
import { describe, expect, test } from "vitest";
import {
  deviceFinding,
  type FallBegun,
  fallFinding,
} from "@remotegpu/agent/core/gpus/kernel-lines/device-line";

const CORRECTED = "Its PCIe link had a corrected error.";
const UNCORRECTED = "Its PCIe link had an uncorrected error.";
const FATAL = "Its PCIe link had a fatal error.";

describe("one line", () => {
  test.each([
    ["NVRM: GPU 0000:29:00.0: GPU has fallen off the bus.", "00000000:29:00", "fell-off-the-bus", "reboot"],
    ["NVRM: GPU 18:00.0: GPU has fallen off the bus.", "00000000:18:00", "fell-off-the-bus", "reboot"],
    ["NVRM: GPU 0008:01:00.0: GPU has fallen off the bus.", "00000008:01:00", "fell-off-the-bus", "reboot"],
    [
      "NVRM: GPU 0000:3b:00.0: RmInitAdapter failed! (0x24:0x65:1423)",
      "00000000:3b:00",
      "rm-init-adapter",
      "note",
    ],
    [
      "NVRM: GPU 0000:3b:00.0: rm_init_adapter failed, device minor number 0",
      "00000000:3b:00",
      "rm-init-adapter",
      "note",
    ],
  ])("%s", (line, busKey, code, effect) => {
    expect(deviceFinding(line)).toMatchObject({ target: { kind: "gpu", busKey }, code, effect, pid: null });
  });

  test.each([
    ["nvidia 0000:3b:00.0: PCIe Bus Error: severity=Corrected, type=Data Link Layer", CORRECTED],
    ["nvidia 0000:3b:00.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction", UNCORRECTED],
    ["nvidia 0000:3b:00.0: AER: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Inaccessible", FATAL],
    ["pcieport 0000:3a:00.0: AER: Corrected error received: 0000:3b:00.0", CORRECTED],
    ["pcieport 0000:3a:00.0: AER: Correctable error message received from 0000:3b:00.0", CORRECTED],
    ["pcieport 0000:3a:00.0: AER: Multiple Corrected error received: 0000:3b:00.0", CORRECTED],
    ["pcieport 0000:3a:00.0: AER: Uncorrected (Non-Fatal) error received: 0000:3b:00.0", UNCORRECTED],
    ["pcieport 0000:3a:00.0: AER: Uncorrectable (Fatal) error message received: 0000:3b:00.0", FATAL],
  ])("%s", (line, reason) => {
    const target = { kind: "gpu", busKey: "00000000:3b:00" };

    expect(deviceFinding(line)).toMatchObject({ target, code: "aer", effect: "note", reason, pid: null });
  });

  test.each([
    "NVRM: GPU at PCI:0000:9b:00: GPU-b850f46d-d5ea-c752-ddf3-c4453e44d3f7",
    "NVRM: GPU 0000:29:00.0: GPU has fallen",
    "NVRM: GPU zz:00.0: GPU has fallen off the bus.",
    "nvidia 0000:3b:00.0: enabling device (0140 -> 0142)",
    "pcieport 0000:3a:00.0: AER: Root Port link has been reset (0)",
    "",
  ])("that reports nothing of the kind: %j", (line) => {
    expect(deviceFinding(line)).toBeNull();
  });
});

describe("a fall in three lines", () => {
  const LINES = [
    "NVRM: The NVIDIA GPU 0000:18:00.0",
    "NVRM: (PCI ID: 10de:2901) installed in this system has",
    "NVRM: fallen off the bus and is not responding to commands.",
  ] as const;
  const fallsIn = (...lines: string[]) => {
    const found: string[] = [];
    let begun: FallBegun = null;
    for (const line of lines) {
      const after = fallFinding(begun, line);
      begun = after.begun;
      if (after.finding?.target.kind === "gpu") found.push(after.finding.target.busKey);
    }
    return found;
  };

  test("is one of its GPU, with lines of others between and without a domain", () => {
    expect(fallsIn(...LINES)).toEqual(["00000000:18:00"]);
    expect(fallsIn(LINES[0], "eth0: link up", LINES[1], " SUBSYSTEM=pci", LINES[2])).toEqual([
      "00000000:18:00",
    ]);
    expect(fallsIn("NVRM: The NVIDIA GPU 18:00.0", ...LINES.slice(1))).toEqual(["00000000:18:00"]);
  });

  test("that comes as one record is read by itself", () => {
    expect(deviceFinding(LINES.join(String.raw`\x0a`))).toMatchObject({
      target: { busKey: "00000000:18:00" },
      code: "fell-off-the-bus",
      effect: "reboot",
    });
    expect(deviceFinding(LINES.slice(0, 2).join(String.raw`\x0a`))).toBeNull();
  });

  test.each([
    ["a line is missing", [LINES[0], LINES[2]]],
    ["the first is missing", [LINES[1], LINES[2]]],
    ["they are in another order", [LINES[2], LINES[1], LINES[0]]],
    ["the driver says something else between", [LINES[0], "NVRM: loading", LINES[1], LINES[2]]],
    ["too much stands between", [LINES[0], LINES[1], ...Array.from({ length: 9 }, () => "x"), LINES[2]]],
  ])("is none where %s", (_what, lines) => {
    expect(fallsIn(...lines)).toEqual([]);
  });

  test("is of the GPU that was named last", () => {
    expect(fallsIn(LINES[0], "NVRM: The NVIDIA GPU 0000:2a:00.0", LINES[1], LINES[2])).toEqual([
      "00000000:2a:00",
    ]);
  });
});
