/**
 * Which images go when the disk runs low: of those that this agent pulled and nobody has used for a while, the least
 * recently used first. Never one that a container of any state uses, one that is wanted now, or one that somebody else
 * named: an image that was here before us is not ours to remove.
 */
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { listedName } from "./image-reference.ts";
import type { PulledImage } from "./image-rights.ts";

/** What was used since is likely to be used again soon: a restart, the next job of a row. A full disk cannot wait. */
export const UNUSED_MS = MS_PER_HOUR;

export type StoredImage = { id: string; names: readonly string[]; bytes: number };

export type ImageHold = {
  images: readonly StoredImage[];
  pulled: readonly PulledImage[];
  /** Ids of images of all containers, whosever they are. */
  usedIds: ReadonlySet<string>;
  /** Names and ids as orders say them. */
  wanted: readonly string[];
  disk: { freeBytes: number; totalBytes: number };
  nowMs: number;
};

export type ImageBounds = {
  /** Part of the disk that is kept free. */
  freePart: number;
  /** The bound of all images that were pulled; null for none. */
  mostBytes: number | null;
};

export type ImageRemoval = { imageId: string; names: readonly string[]; bytes: number; lastUsedMs: number };

/** In the order in which they go. Layers that images share count for each, so it is too few rather than too many. */
export function imagesToRemove(hold: ImageHold, bounds: ImageBounds): ImageRemoval[] {
  let excess = excessBytes(hold, bounds);
  let missing = missingBytes(hold.disk, bounds);
  const removals: ImageRemoval[] = [];
  for (const image of removable(hold).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    const isRecent = hold.nowMs - image.lastUsedMs < UNUSED_MS;
    if (excess <= 0 || (isRecent && missing <= 0)) break;
    removals.push(image);
    excess -= image.bytes;
    missing -= image.bytes;
  }
  return removals;
}

/** What room is asked about: all that is needed to tell whether there is some. */
export type ImageRoom = Pick<ImageHold, "images" | "pulled" | "disk">;

/** How many bytes are to go, whether there are images to go or not; at most zero when all is well. */
export function excessBytes({ images, pulled, disk }: ImageRoom, bounds: ImageBounds): number {
  const ours = new Set(pulled.map(({ imageId }) => imageId));
  const storedBytes = images.reduce((sum, { id, bytes }) => sum + (ours.has(id) ? bytes : 0), 0);
  const overBound = bounds.mostBytes === null ? 0 : storedBytes - bounds.mostBytes;
  return Math.max(overBound, missingBytes(disk, bounds));
}

/** Under way, a pull may use half of what is kept free; then it ends, before it fills the disk for all. */
export function isNearlyFull(disk: ImageHold["disk"], { freePart }: Pick<ImageBounds, "freePart">): boolean {
  return disk.freeBytes < (disk.totalBytes * freePart) / 2;
}

function missingBytes(disk: ImageHold["disk"], { freePart }: ImageBounds): number {
  return disk.totalBytes * freePart - disk.freeBytes;
}

function removable({ images, pulled, usedIds, wanted }: ImageHold): ImageRemoval[] {
  const wantedNames = new Set(wanted.flatMap((name) => [name, `sha256:${name}`, listedName(name)]));
  return images.flatMap(({ id, names, bytes }) => {
    const ours = pulled.filter(({ imageId }) => imageId === id);
    const ourNames = new Set(ours.map(({ image }) => listedName(image)));
    const lastUsedMs = Math.max(...ours.map((known) => known.lastUsedMs));
    const isLeftAlone =
      ours.length === 0 ||
      usedIds.has(id) ||
      [id, ...names].some((name) => wantedNames.has(name)) ||
      names.some((name) => !ourNames.has(name));
    return isLeftAlone ? [] : [{ imageId: id, names, bytes, lastUsedMs }];
  });
}
