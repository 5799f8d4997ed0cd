/**
 * What processes wrote to disks, as the kernel charged it to them: also where no name leads to it. A process that has
 * ended takes its count along. These files are the kernel's memory, so they are read at once.
 */
import { readFileSync } from "node:fs";

/** Of one group and look; what further ones wrote shows in what the group holds. */
const MAX_PROCESSES = 4_096;

/** Since it began, less what was taken back before it came to a disk; null where there is no such process. */
function writtenBytes(pid: number): number | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/io`, "utf8");
  } catch {
    // It has ended.
    return null;
  }
  const count = (name: string) => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return Math.max(0, count("write_bytes") - count("cancelled_write_bytes"));
}

/** Counts up what groups of processes wrote between looks. */
export class WrittenCounter<Key> {
  readonly #totals = new Map<Key, number>();
  #seen: ReadonlyMap<number, number> | null = null;

  /** @returns bytes of each group since the first look; what was there before it counts nothing */
  look(groups: ReadonlyMap<Key, readonly number[]>): ReadonlyMap<Key, number> {
    const seen = new Map<number, number>();
    for (const [key, pids] of groups) {
      let bytes = this.#totals.get(key) ?? 0;
      for (const pid of pids.slice(0, MAX_PROCESSES)) {
        const now = writtenBytes(pid);
        if (now === null) continue;
        seen.set(pid, now);
        bytes += this.#seen === null ? 0 : since(this.#seen.get(pid), now);
      }
      this.#totals.set(key, bytes);
    }
    for (const key of this.#totals.keys()) if (!groups.has(key)) this.#totals.delete(key);
    this.#seen = seen;
    return new Map(this.#totals);
  }

  forget(): void {
    this.#totals.clear();
    this.#seen = null;
  }
}

/** A count that is lower is another process of that number. */
function since(before: number | undefined, now: number): number {
  return before === undefined || now < before ? now : now - before;
}
