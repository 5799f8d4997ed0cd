/**
 * Which runs have more files than one may have (core/storage/file-limit.ts). Looks often how many are in use on the file
 * systems, which asks one question each, and counts those of runs seldom, since that walks their folders. One such look
 * is under way at a time: a shared file system that stands still holds up nothing else.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import {
  countPauseMs,
  mayBeBeyond,
  mostFiles,
  tooManyFiles,
  type FileRoom,
} from "../../core/storage/file-limit.ts";
import { fileRoom } from "../../host/disk-room.ts";
import type { StorageGround } from "../../runtime/runtime.ts";
import { countFiles } from "../../runtime/storage/file-count.ts";

const CHECK_EVERY_MS = 4_000;

export type FileWatchParts = {
  /** The most that one run may have in either place; 0 for no bound. */
  setting: number;
  /** Where runs write: containers' own layers, and folders of the pool. */
  places: () => readonly string[];
  inputs: () => Promise<readonly { runId: RunId; ground: StorageGround }[]>;
  wake: () => void;
  log: Log;
};

export class FileWatch {
  readonly #parts: FileWatchParts;
  #over: ReadonlyMap<RunId, HostReason> = new Map();
  #isPending = false;
  #checkedMs = Number.NEGATIVE_INFINITY;
  /** The last one: when it began, how long it took, and how many files there were then. */
  #counted = { atMs: Number.NEGATIVE_INFINITY, tookMs: 0, used: 0 };

  constructor(parts: FileWatchParts) {
    this.#parts = parts;
  }

  /** Runs that are beyond it, each with the reason that people read. */
  get over(): ReadonlyMap<RunId, HostReason> {
    return this.#over;
  }

  /** Never waits. */
  checkWhenDue(nowMs: number): void {
    const { setting, log } = this.#parts;
    if (setting === 0 || this.#isPending || nowMs - this.#checkedMs < CHECK_EVERY_MS) return;
    this.#checkedMs = nowMs;
    this.#isPending = true;
    void this.#check(nowMs)
      .catch((error: unknown) => log.warn({ error }, "files of runs could not be counted; tried again"))
      .finally(() => (this.#isPending = false));
  }

  async #check(nowMs: number): Promise<void> {
    const { setting, places } = this.#parts;
    const rooms = (await Promise.all([...new Set(places())].map(fileRoom))).filter((room) => room !== null);
    const used = rooms.reduce((sum, room) => sum + room.used, 0);
    const { atMs, tookMs, used: before } = this.#counted;
    if (nowMs - atMs < countPauseMs({ tookMs, newFiles: used - before, setting })) return;
    const begun = performance.now();
    if (rooms.some((room) => this.#mostWhereBeyond(room) !== null)) await this.#count();
    else this.#over = new Map();
    this.#counted = { atMs: nowMs, tookMs: performance.now() - begun, used };
  }

  async #count(): Promise<void> {
    const { inputs, wake, log } = this.#parts;
    const over = new Map<RunId, HostReason>();
    for (const { runId, ground } of await inputs()) {
      const { folders, layer } = ground;
      const why =
        (await this.#beyond("folders", folders ?? [])) ??
        (await this.#beyond("layer", layer.upper === null ? [] : [layer.upper]));
      if (why === null) continue;
      over.set(runId, why);
      if (!this.#over.has(runId)) log.warn({ runId }, textOf(why));
    }
    this.#over = over;
    if (over.size > 0) wake();
  }

  /** What cannot be told, or not in time, is no reason to stop anything. */
  async #beyond(where: "folders" | "layer", paths: readonly string[]): Promise<HostReason | null> {
    const [first] = paths;
    const room = first === undefined ? null : await fileRoom(first);
    const most = room && this.#mostWhereBeyond(room);
    if (most === null) return null;
    const count = await countFiles(paths, most);
    return count === null || count <= most ? null : tooManyFiles(where, most);
  }

  /** What a run may have there; null where none can have more. */
  #mostWhereBeyond(room: FileRoom): number | null {
    const most = mostFiles(this.#parts.setting, room);
    return most !== null && mayBeBeyond(most, room) ? most : null;
  }
}
