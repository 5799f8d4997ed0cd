/**
 * Reads the driver's error lines out of the kernel log. Which card is meant is told by its place on the PCI bus; what
 * the number means is xid-classes.ts.
 */

export type Xid = {
  code: number;
  /** As `busKey` writes it. */
  busKey: string;
  /** The process that the driver names; null where it names none. */
  pid: number | null;
  /** What else the line says, at most MAX_DETAIL characters. */
  detail: string;
};

/** One record of /dev/kmsg, or a line of a text file, which has neither number nor origin. */
export type KernelLine = { seq: number | null; isKernels: boolean; message: string };

const MAX_DETAIL = 160;
/** Facility and level in one number, sequence number, microseconds, flags; then the text. */
const KMSG = /^(\d{1,10}),(\d{1,16}),\d{1,20},[^;]*;(.*)$/;
/** The levels of facility 0, the kernel: what a process writes into the log has another facility. */
const KERNEL_PRIORITIES = 8;
/** Older drivers leave out `PCI:`, newer ones add the function or the MIG instance. */
const XID =
  /^(?:\[ *\d+\.\d+\] )?NVRM: Xid \((?:PCI:)?([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?(?: [^)]{0,64})?\): (\d{1,4})(?:[,:] ?(.*))?$/i;
const PID = /\bpid=(\d{1,10})\b/;
const BUS_ID = /^([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?$/i;

export function kernelLineOf(line: string): KernelLine {
  const record = KMSG.exec(line);
  if (record === null) return { seq: null, isKernels: true, message: line };
  const [, priority, seq, message = ""] = record;
  return { seq: Number(seq), isKernels: Number(priority) < KERNEL_PRIORITIES, message };
}

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
