/** What the kernel log says of GPUs, in the form in which every reader of it speaks. */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";

/** What one line (or a row of lines) of the kernel log says of GPUs. */
export type KernelFinding = {
  /** One GPU by its PCI address (`busKey`), or every GPU of the host that has NVLink to switches. */
  target: { kind: "gpu"; busKey: string } | { kind: "switched-gpus" };
  /** "xid-79", "xid-154", "fell-off-the-bus", "sxid-20034", "aer", "rm-init-adapter". */
  code: string;
  effect: KernelEffect;
  /** A sentence. */
  reason: string;
  /** The same as a code. */
  why?: HostReason | undefined;
  pid: number | null;
};
/** `ignore` and `note` close nothing; `program-fault` is the program's own; `drain` takes nothing new; the others end what holds the GPU. */
export type KernelEffect = "ignore" | "note" | "program-fault" | "drain" | "reset" | "reboot" | "replace";
