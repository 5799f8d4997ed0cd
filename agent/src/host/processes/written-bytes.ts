/**
 * What processes wrote to disks, as the kernel charged it to them: also where no name leads to it. A process that has
 * ended takes its count along. These files are the kernel's memory, so they are read at once.
 */
import { readFileSync } from "node:fs";

/** Of one group and look; what further ones wrote shows in what the group holds. */
const MAX_PROCESSES = 4_096;

/** Both only rise while a process lives. */
export type Written = {
  bytes: number;
  /** Of these, or of what others wrote, what was taken back before it came to a disk. */
  cancelledBytes: number;
};

/** Null where there is no such process. */
function writtenOf(pid: number): Written | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/io`, "utf8");
  } catch {
    // It has ended.
    return null;
  }
  const count = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return { bytes: count("write_bytes"), cancelledBytes: count("cancelled_write_bytes") };
}

/** Counts up what groups of processes wrote between looks. Counts only rise. */
export class WrittenCounter<Key> {
  readonly #read: (pid: number) => Written | null;
  readonly #totals = new Map<Key, number>();
  #seen: ReadonlyMap<Key, ReadonlyMap<number, Written>> = new Map();

  constructor(read: (pid: number) => Written | null = writtenOf) {
    this.#read = read;
  }

  /** @returns bytes of each group since its first look; what was there before it counts nothing */
  check(groups: ReadonlyMap<Key, readonly number[]>): ReadonlyMap<Key, number> {
    const seen = new Map<Key, Map<number, Written>>();
    for (const [key, pids] of groups) {
      const before = this.#seen.get(key);
      const ofGroup = new Map<number, Written>();
      let bytes = this.#totals.get(key) ?? 0;
      for (const pid of pids.slice(0, MAX_PROCESSES)) {
        const now = this.#read(pid);
        if (now === null) continue;
        ofGroup.set(pid, now);
        if (before !== undefined) bytes += since(before.get(pid), now);
      }
      seen.set(key, ofGroup);
      this.#totals.set(key, bytes);
    }
    for (const key of this.#totals.keys()) if (!groups.has(key)) this.#totals.delete(key);
    this.#seen = seen;
    return new Map(this.#totals);
  }

  /** What is written until the next look counts nothing. */
  pause(): void {
    this.#seen = new Map();
  }
}

/** A count that is lower is another process of that number. */
function since(before: Written | undefined, now: Written): number {
  const isSame =
    before !== undefined && now.bytes >= before.bytes && now.cancelledBytes >= before.cancelledBytes;
  const from = isSame ? before : { bytes: 0, cancelledBytes: 0 };
  return Math.max(0, now.bytes - from.bytes - (now.cancelledBytes - from.cancelledBytes));
}
