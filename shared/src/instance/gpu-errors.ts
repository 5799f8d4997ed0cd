/** What a host's kernel log said of its GPUs, as the host tells it: errors of programs, and what only operators look at. */
import { z } from "zod";
import { GpuUuid } from "../values/ids.ts";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { text } from "../values/text.ts";

/** The latest faults of one run. */
export const MAX_GPU_FAULTS = 8;
/** The notes of one host in one boot. */
export const MAX_KERNEL_NOTES = 64;

/** What an INT column of the control plane holds. */
const MAX_INT = 2_147_483_647;
/** "xid-31", "sxid-12028", "aer". */
const Code = z.string().regex(/^[a-z][a-z0-9-]{0,47}$/);
/** The number of a record in the kernel log; with the boot it names one record. */
const KernelSeq = z.int().nonnegative();

/** An error that a program of a run made on a GPU; the GPU is well. */
export const GpuFault = z.object({
  seq: KernelSeq,
  code: Code,
  /** A sentence, to whose program it was. */
  reason: text(300),
  /** The same as a code. Agents of before send none. */
  why: ReportedReason,
});
export type GpuFault = z.infer<typeof GpuFault>;

/** Something that the kernel log said and that closes no GPU. */
export const KernelNote = z.object({
  /** Null where the host lists no such GPU, and for what is of no single one. */
  gpuUuid: GpuUuid.nullable(),
  /** Its PCI address; null for what is of no single device. */
  device: text(32).nullable(),
  code: Code,
  /** A sentence. */
  reason: text(300),
  /** The same as a code. Agents of before send none. */
  why: ReportedReason,
  /** How often, since the host started. */
  count: z.int().positive().max(MAX_INT),
  /** Nobody knows what the driver's number means. */
  isUnknown: z.boolean(),
});
export type KernelNote = z.infer<typeof KernelNote>;
