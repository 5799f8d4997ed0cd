/**
 * Whether a container has used up what it may have of processes or memory, from the texts of its control group's files,
 * as a reason for people. A limit that is not told, or is none, is never used up.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { MIB } from "@remotegpu/shared/values/units";

/** Who enters by SSH needs so many: a server of the connection, its session and a shell. */
const PROCESSES_FOR_A_SESSION = 3;
/** And so many bytes, also where the limit is small. */
const MEMORY_FOR_A_SESSION = 8 * MIB;
/** The share of its limit; what the kernel would give back by itself, as files that it has read, does not count. */
const MEMORY_SHARE = 0.97;

/** Texts of the group's files; null for one that is not there. */
export type GroupTexts = {
  pidsCurrent: string | null;
  pidsMax: string | null;
  memoryMax: string | null;
  memoryStat: string | null;
  /** `memory.events`, in version 1 `memory.oom_control`. */
  memoryEvents: string | null;
};

/** How often the kernel has ended something of it for its memory; null where that is not told. */
export function memoryKillsOf({ memoryEvents }: GroupTexts): number | null {
  return numberAt(memoryEvents, /^oom_kill (\d{1,15})$/m);
}

/**
 * Of a container in which nobody answers.
 * @param killsBefore when somebody answered last; null: nobody has looked
 * @returns null where nothing is used up
 */
export function exhaustionOf(texts: GroupTexts, killsBefore: number | null): HostReason | null {
  const most = numberAt(texts.pidsMax, /^(\d{1,15})\s*$/);
  const used = numberAt(texts.pidsCurrent, /^(\d{1,15})\s*$/);
  if (most !== null && used !== null && used > most - PROCESSES_FOR_A_SESSION)
    return { code: "container-processes-used-up", params: { max_processes: most } };
  const memory = memoryOf(texts);
  if (memory !== null && (memory.held >= memory.limit * MEMORY_SHARE || isCramped(memory)))
    return usedUp(memory);
  return hasKilledSince(texts, killsBefore) ? { code: "container-memory-killed", params: {} } : null;
}

/**
 * Of a container in which a server of SSH answers: whether the kernel has begun to end what runs in it, and nothing has
 * become free by that, so that whoever logs in is next.
 * @param killsBefore as above
 * @returns null where there is room
 */
export function sessionsEndedOf(texts: GroupTexts, killsBefore: number | null): HostReason | null {
  const memory = memoryOf(texts);
  return memory !== null && isCramped(memory) && hasKilledSince(texts, killsBefore) ? usedUp(memory) : null;
}

type Memory = { limit: number; held: number };

/** Null where there is no limit, or one of the two is not told. */
function memoryOf(texts: GroupTexts): Memory | null {
  const limit = numberAt(texts.memoryMax, /^(\d{1,19})\s*$/);
  const held = memoryHeld(texts.memoryStat);
  return limit === null || held === null ? null : { limit, held };
}

function isCramped({ limit, held }: Memory): boolean {
  return limit - held < MEMORY_FOR_A_SESSION;
}

function usedUp({ limit }: Memory): HostReason {
  return { code: "container-memory-used-up", params: { memory_mib: Math.floor(limit / MIB) } };
}

function hasKilledSince(texts: GroupTexts, killsBefore: number | null): boolean {
  const kills = memoryKillsOf(texts);
  return kills !== null && killsBefore !== null && kills > killsBefore;
}

/** Bytes that nothing but an end gives back: of version 2, else of version 1, which counts groups below it apart. */
function memoryHeld(stat: string | null): number | null {
  const own = numberAt(stat, /^anon (\d{1,19})$/m) ?? numberAt(stat, /^total_rss (\d{1,19})$/m);
  if (own === null) return null;
  const shared = numberAt(stat, /^total_shmem (\d{1,19})$/m) ?? numberAt(stat, /^shmem (\d{1,19})$/m) ?? 0;
  return own + shared;
}

function numberAt(text: string | null, pattern: RegExp): number | null {
  const found = text === null ? undefined : pattern.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
