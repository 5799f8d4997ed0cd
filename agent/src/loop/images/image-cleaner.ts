/**
 * Makes room on the disk of images, by what core/images/image-cleaning.ts decides from all that is here. One round at a
 * time, in the background; what fails is tried again in the next one.
 */
import type { Log } from "@remotegpu/shared/log";
import { imagesToRemove, type ImageBounds } from "../../core/images/image-cleaning.ts";
import type { DiskRoom } from "../../host/disk-room.ts";
import type { PulledImages } from "../../journal/pulled-images.ts";
import type { Images } from "../../runtime/images/images.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/docker/runtime-error.ts";
import type { ImagesOfBefore } from "./images-of-before.ts";

export type ImageCleanerOptions = {
  images: Pick<Images, "list" | "used" | "idsOf" | "remove">;
  before: Pick<ImagesOfBefore, "note">;
  pulled: PulledImages;
  /** By the names that orders and fetches say. */
  wanted: () => string[];
  /** Of the disk that the runtime keeps images on; null where it cannot be told. */
  disk: () => Promise<DiskRoom | null>;
  bounds: ImageBounds;
  wallMs: () => number;
  log: Log;
};

export class ImageCleaner {
  readonly #options: ImageCleanerOptions;

  constructor(options: ImageCleanerOptions) {
    this.#options = options;
  }

  /** @throws RuntimeError, RuntimeDown, JournalError */
  async clean(): Promise<void> {
    const { images, before, pulled, wanted, disk: diskOf, bounds, wallMs, log } = this.#options;
    await before.note();
    if (pulled.all().length === 0) return;
    const [stored, usedIds, disk] = await Promise.all([images.list(), images.used(), diskOf()]);
    const nowMs = wallMs();
    pulled.touch([...usedIds], nowMs);
    const here = new Set(stored.map(({ id }) => id));
    pulled.forget(pulled.all().flatMap(({ imageId }) => (here.has(imageId) ? [] : [imageId])));
    if (disk === null) return;
    // By their ids too: the list knows nothing of digests.
    const wantedNow = [...wanted(), ...(await images.idsOf(wanted()))];
    const hold = { images: stored, pulled: pulled.all(), usedIds, wanted: wantedNow, disk, nowMs };
    for (const removal of imagesToRemove(hold, bounds)) {
      // An order may have come while the ones before it were removed.
      try {
        if ((await images.idsOf(wanted())).includes(removal.imageId)) continue;
        await images.remove(removal);
        log.info(
          removal,
          `image ${removal.names[0] ?? removal.imageId}: removed, nobody uses it and the disk runs low`,
        );
      } catch (error) {
        if (!(error instanceof RuntimeError) || error instanceof RuntimeDown) throw error;
        log.warn(
          { error, ...removal },
          "an image that nobody uses could not be removed; tried again in a minute",
        );
      }
    }
  }
}
