/** Whether this host has room for more images, by the bounds of its operator. */
import { excessBytes, isNearlyFull, type ImageBounds } from "../../core/images/image-cleaning.ts";
import type { DiskRoom } from "../../host/disk-room.ts";
import type { PulledImages } from "../../journal/pulled-images.ts";
import type { Images } from "../../runtime/images/images.ts";

/** Of a disk that does not tell its room nothing is missing. */
const UNTOLD: DiskRoom = { freeBytes: 0, totalBytes: 0 };

export class ImageRoom {
  readonly #images: Pick<Images, "list">;
  readonly #pulled: Pick<PulledImages, "all">;
  readonly #disk: () => Promise<DiskRoom | null>;
  readonly #bounds: ImageBounds;

  constructor(options: {
    images: Pick<Images, "list">;
    pulled: Pick<PulledImages, "all">;
    /** That the runtime keeps images on; null where it cannot be told. */
    disk: () => Promise<DiskRoom | null>;
    bounds: ImageBounds;
  }) {
    this.#images = options.images;
    this.#pulled = options.pulled;
    this.#disk = options.disk;
    this.#bounds = options.bounds;
  }

  /** No pull begins then. @throws RuntimeError, RuntimeDown, JournalError */
  async isShort(): Promise<boolean> {
    const disk = (await this.#disk()) ?? UNTOLD;
    const images = this.#bounds.mostBytes === null ? [] : await this.#images.list();
    return excessBytes({ images, pulled: this.#pulled.all(), disk }, this.#bounds) > 0;
  }

  /** No pull goes on then. */
  async isNearlyFull(): Promise<boolean> {
    return isNearlyFull((await this.#disk()) ?? UNTOLD, this.#bounds);
  }
}
