/**
 * Reads errors of NVSwitches out of the kernel log: `nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32
 * …`. Nothing that is read says which GPUs hang on which switch, so a fatal one is one of every GPU with NVLink to
 * switches; after it the fabric takes a reset of those GPUs. The words are the driver's ("Fabric Manager for NVIDIA NVSwitch
 * Systems", SXid errors); lines that go on with the data of an error say neither word.
 */
import { explained } from "@remotegpu/shared/reasons/host-reports/statement";
import type { KernelFinding } from "./kernel-finding.ts";

const SXID =
  /^nvidia-nvswitch(\d{1,3}): SXid \(PCI:[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}(?:\.[0-7])?\): (\d{1,7})(?:, *(Fatal|Non-fatal)\b)?/i;

export function sxidFinding(message: string): KernelFinding | null {
  const found = SXID.exec(message);
  if (found === null) return null;
  const [, nth = "", number = "", word = ""] = found;
  const isFatal = word.toLowerCase() === "fatal";
  const params = { sxid: Number(number), nvswitch: Number(nth) };
  return {
    target: { kind: "switched-gpus" },
    code: `sxid-${Number(number)}`,
    effect: isFatal ? "reset" : "note",
    ...explained({ code: isFatal ? "sxid-fatal" : "sxid", params }),
    pid: null,
  };
}
