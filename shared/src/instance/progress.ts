/** Whether a container does anything, and what its processes wait for, as its host tells it. */
import { z } from "zod";
import { text } from "../values/text.ts";

/** The processes of one container. */
export const MAX_REPORTED_PROCESSES = 64;

/** Processes of one container that call themselves the same and wait for the same. */
export const WaitingProcesses = z.object({
  /** As they call themselves. */
  name: text(64),
  /** The kernel's letter: S sleeps, D waits for a device, T was stopped, R runs. */
  state: z.string().regex(/^[A-Za-z]$/),
  /** The kernel's function in which they wait; null for none, or where it does not say. */
  waitsIn: text(64).nullable(),
  count: z.int().positive().max(MAX_REPORTED_PROCESSES),
});
export type WaitingProcesses = z.infer<typeof WaitingProcesses>;

/** Told where it has changed, and after a new life of the agent has found out. Absent: as it was told last. */
export const Idleness = z.object({
  /** For as long as its order says. */
  isIdle: z.boolean(),
  /** The processes of one that is idle, as they were found then. */
  processes: z.array(WaitingProcesses).max(MAX_REPORTED_PROCESSES),
});
export type Idleness = z.infer<typeof Idleness>;

/** Longer than any job runs. */
export const MAX_STALL_SECONDS = 366 * 24 * 60 * 60;
