/**
 * How many files a run may have. A file system has room for so many, whatever their sizes, and walks of folders take as
 * long as there are files, so one run is not to use up what is everybody's. Pure.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";

/** The share of what its file system takes: a few that go too far at once still leave room to others. */
const LARGEST_SHARE = 0.25;

const COUNT_EVERY_MS = MS_PER_MINUTE;
/** Where files come fast: so soon, once this part of what one may have is new. */
const COUNT_SOON_MS = 4 * MS_PER_SECOND;
const SOON_SHARE = 0.1;
/** Never more than a tenth of the time. */
const PAUSE_PER_COUNT = 10;

/** The inodes of one file system; `total` is 0 where it makes them as they are needed. */
export type FileRoom = { used: number; free: number; total: number };

/** @returns null where a run may have as many as it likes */
export function mostFiles(setting: number, { total }: FileRoom): number | null {
  if (setting === 0) return null;
  return total === 0 ? setting : Math.min(setting, Math.floor(total * LARGEST_SHARE));
}

/** Whether any run may be beyond it at all: nothing has to be walked where all of them together are not. */
export function mayBeBeyond(most: number, { used, total }: FileRoom): boolean {
  return total === 0 || used > most;
}

/** When they are counted next, after a count that took `tookMs`; both from its beginning. */
export function countPauseMs({
  tookMs,
  newFiles,
  setting,
}: {
  tookMs: number;
  /** Since then, of all file systems on which runs have some. */
  newFiles: number;
  setting: number;
}): number {
  const wantedMs = newFiles >= SOON_SHARE * setting ? COUNT_SOON_MS : COUNT_EVERY_MS;
  return Math.max(wantedMs, PAUSE_PER_COUNT * tookMs);
}

/** Whether so few are left that nothing new is to begin there. @param freePart that is kept free; 0 for none */
export function hasFewFiles({ free, total }: FileRoom, freePart: number): boolean {
  return total > 0 && free < total * freePart;
}

const BEYOND_LIMIT = { folders: "folder-files-beyond-limit", layer: "layer-files-beyond-limit" } as const;

export function tooManyFiles(where: "folders" | "layer", most: number): HostReason {
  return { code: BEYOND_LIMIT[where], params: { most: most.toLocaleString("en") } };
}
