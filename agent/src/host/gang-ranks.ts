/** What the host sees of a rank's container from outside: whether it is held, whom it reaches, its shared memory. */
import { statfs } from "node:fs/promises";
import { execa } from "execa";
import { readProcessName } from "./processes/process-liveness.ts";

/** As its first process is called while it holds the command back (toolbox-hold.h). */
const HELD_NAME = "rg-held";
/** It ends by itself within half a second. */
const REACH_DEADLINE_MS = 5_000;

/** Null where there is no such process. */
export async function isHeld(pid: number): Promise<boolean | null> {
  const name = await readProcessName(pid);
  return name === null ? null : name === HELD_NAME;
}

/**
 * Whom a container reaches by packets of that size, 0 for the largest that its network takes.
 * @param program of the toolbox
 * @param pid of its first process
 * @returns null where its container is gone
 */
export async function reachedFrom(
  program: string,
  { pid, packetBytes, addresses }: { pid: number; packetBytes: number; addresses: readonly string[] },
): Promise<{ packetBytes: number; heard: Set<string> } | null> {
  const args = [String(pid), String(packetBytes), ...addresses];
  const { exitCode, stdout } = await execa(program, args, { reject: false, timeout: REACH_DEADLINE_MS });
  if (exitCode !== 0) return null;
  const [bytes, ...heard] = stdout.split("\n");
  return { packetBytes: Number(bytes), heard: new Set(heard) };
}

/** Null where its container is gone, or has none. */
export async function sharedMemoryBytes(pid: number): Promise<number | null> {
  try {
    const { blocks, bsize } = await statfs(`/proc/${pid}/root/dev/shm`);
    return blocks * bsize;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return null;
    throw error;
  }
}
