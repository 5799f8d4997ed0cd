/**
 * Reads the driver's error lines out of the kernel log. Which card is meant is told by its place on the PCI bus; what
 * the number means is xid-classes.ts.
 */
import type { KernelLine } from "../host/kernel-line.ts";

export type Xid = {
  code: number;
  /** As `busKey` writes it. */
  busKey: string;
  /** The process that the driver names; null where it names none. */
  pid: number | null;
  /** What else the line says, at most MAX_DETAIL characters. */
  detail: string;
};

const MAX_DETAIL = 160;
/** Older drivers leave out `PCI:`, newer ones add the function or the MIG instance. */
const XID =
  /^(?:\[ *\d+\.\d+\] )?NVRM: Xid \((?:PCI:)?([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?(?: [^)]{0,64})?\): (\d{1,4})(?:[,:] ?(.*))?$/i;
const PID = /\bpid=(\d{1,10})\b/;
const BUS_ID = /^([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?$/i;

/** Null for every other line, and for one that a process wrote to look like the driver's. */
export function parseXid({ isKernels, message }: KernelLine): Xid | null {
  const found = isKernels ? XID.exec(message) : null;
  if (found === null) return null;
  const [, domain = "", bus = "", device = "", code, rest = ""] = found;
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

function keyOf(domain: string, bus: string, device: string): string {
  return `${domain.padStart(8, "0")}:${bus}:${device}`.toLowerCase();
}
