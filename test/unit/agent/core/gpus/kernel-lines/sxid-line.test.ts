/** Errors of NVSwitches: a fatal one is one of every GPU of the host with NVLink to switches. */
import { expect, test } from "vitest";
import { sxidFinding } from "@remotegpu/agent/core/gpus/kernel-lines/sxid-line";

test.each([
  [
    "a fatal one",
    "nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30 LTSSM Fault Up",
    { code: "sxid-20034", effect: "reset", reason: "SXid 20034: a fatal error of NVSwitch 0." },
  ],
  [
    "one that is not",
    "nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress",
    { code: "sxid-12028", effect: "note", reason: "SXid 12028: an error of NVSwitch 3." },
  ],
  [
    "the data of one",
    "nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 11111, Data {0x50610002, 0x10100030}",
    { code: "sxid-11111", effect: "note" },
  ],
  ["cut off", "nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): 20034", { code: "sxid-20034", effect: "note" }],
])("%s", (_what, line, finding) => {
  expect(sxidFinding(line)).toMatchObject({ ...finding, target: { kind: "switched-gpus" }, pid: null });
});

test.each([
  "nvidia-nvswitch2: open (major=510)",
  "nvidia-nvswitch0: SXid (PCI:0000:a9:00.0): Fatal",
  "NVRM: Xid (PCI:0000:65:00): 79, gone",
  "x nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal",
  "",
])("another line is none: %j", (line) => {
  expect(sxidFinding(line)).toBeNull();
});
