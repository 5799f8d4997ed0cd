/**
 * What the kernel log said of this host's GPUs that closes nothing, kept for the operators: each thing once for its device,
 * with how often it was said. Program faults of which nobody knows whose program it was are among them.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { explained, reasonOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { type KernelNote, MAX_KERNEL_NOTES } from "@remotegpu/shared/instance/gpu-errors";
import type { GpuUuid } from "@remotegpu/shared/values/ids";
import type { HeardFinding } from "./kernel-lines/kernel-reading.ts";

/** Beyond it nobody counts. */
const MOST_COUNTED = 1_000_000_000;
/** Devices of every kind have such lines; of those that are no GPU of ours they are somebody else's matter. */
const OF_ANY_DEVICE = "aer";

const LOG_LOST_CODE = "kernel-log-lost";

/** @param gpuOf the GPU with this PCI address; undefined where none that is known has it */
export function afterNotes(
  notes: readonly KernelNote[],
  findings: readonly HeardFinding[],
  gpuOf: (busKey: string) => GpuUuid | undefined,
): readonly KernelNote[] {
  return findings.reduce<readonly KernelNote[]>((after, finding) => {
    const note = noteOf(finding, gpuOf);
    return note === null ? after : withNote(after, note, 1);
  }, notes);
}

/** Some of the log was overwritten before it was read: what it said of GPUs is not known. */
export function afterLoss(notes: readonly KernelNote[], lost: number): readonly KernelNote[] {
  if (lost === 0) return notes;
  const reason = explained({ code: LOG_LOST_CODE, params: {} });
  return withNote(
    notes,
    { gpuUuid: null, device: null, code: LOG_LOST_CODE, ...reason, isUnknown: false },
    lost,
  );
}

type Uncounted = Omit<KernelNote, "count">;

/**
 * Null where nobody has to know. What closes a GPU is shown with it; where no GPU is known to be there, only here, and an
 * error of a switch in any case, since it is of no GPU.
 */
function noteOf(
  { target, code, effect, reason, why, isUnknown }: HeardFinding,
  gpuOf: (busKey: string) => GpuUuid | undefined,
): Uncounted | null {
  if (effect === "ignore") return null;
  if (target.kind === "switched-gpus") return { gpuUuid: null, device: null, code, reason, why, isUnknown };
  const gpuUuid = gpuOf(target.busKey) ?? null;
  if (gpuUuid === null && code === OF_ANY_DEVICE) return null;
  const closes = effect !== "note" && effect !== "program-fault";
  if (closes && gpuUuid !== null) return null;
  const words = effect === "program-fault" ? ofUnknownRun({ reason, why }) : { reason, why };
  return { gpuUuid, device: target.busKey, code, ...words, isUnknown };
}

type Words = Pick<KernelNote, "reason" | "why">;

function ofUnknownRun({ reason, why }: Words): Words {
  const fault: HostReason = why ?? reasonOf(reason);
  return explained({ code: "program-fault-of-unknown-run", params: { fault } });
}

/** The first of them stay: what a host says in its first minutes is what the others come from. */
function withNote(notes: readonly KernelNote[], note: Uncounted, times: number): readonly KernelNote[] {
  const at = notes.findIndex((one) => one.code === note.code && one.device === note.device);
  const known = notes[at];
  if (known !== undefined)
    return notes.with(at, { ...note, count: Math.min(MOST_COUNTED, known.count + times) });
  return notes.length >= MAX_KERNEL_NOTES
    ? notes
    : [...notes, { ...note, count: Math.min(MOST_COUNTED, times) }];
}
