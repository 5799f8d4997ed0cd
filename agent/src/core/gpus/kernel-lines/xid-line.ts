/**
 * Reads the driver's Xid lines out of the kernel log. Which GPU is meant is said by its address on the PCI bus; what the
 * number means is in kernel-lines/xid-catalogue.ts.
 */
import type { KernelLine } from "../../host/kernel-line.ts";

export type Xid = {
  code: number;
  /** As `busKey` writes it. */
  busKey: string;
  /** The process that the driver names; null where it names none. */
  pid: number | null;
  /** What else the line says, at most MAX_DETAIL characters. */
  detail: string;
};

/** More than the longest line that was recorded; the fields that are read stand before it. */
const MAX_DETAIL = 320;
/** Older drivers leave out `PCI:`, newer ones add the function or the MIG instance. */
const XID =
  /^NVRM: Xid \((?:PCI:)?([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?(?: [^)]{0,64})?\): (\d{1,4})(?:[,:] ?(.*))?$/i;
const PID = /\bpid=(\d{1,10})\b/;
const BUS_ID = /^([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?$/i;
/** Older lines leave out the domain where it is 0. */
const SHORT_BUS_ID = /^([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?$/i;

/** Null for every other line, and for one that a process wrote to look like the driver's. */
export function parseXid({ isKernels, message }: KernelLine): Xid | null {
  const found = isKernels ? XID.exec(message) : null;
  if (found === null) return null;
  const [, domain = "", bus = "", device = "", code, rest = ""] = found;
  // The driver writes the pid before the process's name, which is the process's own choice.
  const pid = PID.exec(rest)?.[1];
  return {
    code: Number(code),
    busKey: keyOf(domain, bus, device),
    pid: pid === undefined ? null : Number(pid),
    detail: rest.trim().slice(0, MAX_DETAIL),
  };
}

/** nvidia-smi writes `00000000:65:00.0` for what the kernel log calls `0000:65:00`. */
export function busKey(pciBusId: string | null): string | null {
  const found = BUS_ID.exec(pciBusId ?? "");
  return found === null ? null : keyOf(found[1] ?? "", found[2] ?? "", found[3] ?? "");
}

/** The same of an address in a line of the kernel log, whose domain may be left out. */
export function lineBusKey(address: string): string | null {
  const short = SHORT_BUS_ID.exec(address);
  return short === null ? busKey(address) : keyOf("0", short[1] ?? "", short[2] ?? "");
}

function keyOf(domain: string, bus: string, device: string): string {
  return `${domain.padStart(8, "0")}:${bus}:${device}`.toLowerCase();
}
