/**
 * Reads the kernel log from one line to the next: which findings are new, how far it was heeded, and whether some of it
 * was lost. Each record is heeded once; its number tells it from every other one of the same boot.
 */
import { kernelLineOf, type KernelLine } from "../../host/kernel-line.ts";
import type { KernelFinding } from "./kernel-finding.ts";
import { parseXid } from "./xid-line.ts";
import { deviceFinding, type FallBegun, fallFinding } from "./device-line.ts";
import { sxidFinding } from "./sxid-line.ts";
import { xidFinding } from "./xid-finding.ts";

/**
 * Which lines this agent understands; to be raised with each further kind of them. One that knew fewer left lines behind
 * that it did not heed, and what runs has outlived those.
 */
export const KERNEL_READER = 1;

export type HeardFinding = KernelFinding & {
  /** The record's number; null where the log has none. */
  seq: number | null;
  /** Nobody knows what the driver's number means. */
  isUnknown: boolean;
};

export type KernelReading = {
  /** The last record that was heeded, an earlier life of the agent included; null for none. */
  heededSeq: number | null;
  /** The last record that was read; null before the first. */
  readSeq: number | null;
  begun: FallBegun;
};

/** @param heededSeq as an earlier life of the agent had it; null for none */
export function beginReading(heededSeq: number | null): KernelReading {
  return { heededSeq, readSeq: null, begun: null };
}

/** What a line that may speak of a GPU begins with; most lines do not. */
const MAY_SPEAK = /^(?:NVRM: |nvidia|pcieport |vfio-pci )/;

/** `lost` counts the records that were overwritten before they could be read. */
export function readKernelLines(
  before: KernelReading,
  texts: readonly string[],
): { reading: KernelReading; heard: HeardFinding[]; lost: number } {
  let reading = before;
  let lost = 0;
  const heard: HeardFinding[] = [];
  for (const text of texts) {
    const line = kernelLineOf(text);
    const missing = missingBefore(reading, line);
    lost += missing;
    if (line.seq !== null && line.seq > (reading.readSeq ?? -1)) reading = { ...reading, readSeq: line.seq };
    if (missing > 0) reading = { ...reading, begun: null };
    const isHeeded = line.seq !== null && reading.heededSeq !== null && line.seq <= reading.heededSeq;
    if (!line.isKernels || isHeeded) continue;
    const { begun, finding } = findingOf(reading.begun, line);
    if (begun !== reading.begun) reading = { ...reading, begun };
    if (finding === null) continue;
    reading = { ...reading, heededSeq: line.seq ?? reading.heededSeq };
    heard.push({ ...finding, seq: line.seq });
  }
  return { reading, heard, lost };
}

function missingBefore({ readSeq }: KernelReading, { seq }: KernelLine): number {
  return seq === null || readSeq === null ? 0 : Math.max(0, seq - readSeq - 1);
}

function findingOf(
  before: FallBegun,
  line: KernelLine,
): { begun: FallBegun; finding: (KernelFinding & { isUnknown: boolean }) | null } {
  const { begun, finding } = fallFinding(before, line.message);
  if (finding !== null) return { begun, finding: { ...finding, isUnknown: false } };
  if (!MAY_SPEAK.test(line.message)) return { begun, finding: null };
  const xid = parseXid(line);
  if (xid !== null) return { begun, finding: xidFinding(xid) };
  const other = sxidFinding(line.message) ?? deviceFinding(line.message);
  return { begun, finding: other && { ...other, isUnknown: false } };
}
