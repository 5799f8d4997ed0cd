/**
 * What agents pulled that wrote down nothing of it: known by the containers that they made, and noted once, after an
 * upgrade, as pulled without credentials, since they knew none. Without it no stopped environment of theirs would start
 * again while its registry is away.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Journal } from "../../journal/journal.ts";
import type { Images } from "../../runtime/images/images.ts";

export class ImagesOfBefore {
  readonly #images: Pick<Images, "ofHost">;
  readonly #journal: Pick<Journal, "desired" | "pulledImages">;
  readonly #hostId: HostId;
  readonly #wallMs: () => number;

  constructor(options: {
    images: Pick<Images, "ofHost">;
    journal: Pick<Journal, "desired" | "pulledImages">;
    hostId: HostId;
    wallMs: () => number;
  }) {
    this.#images = options.images;
    this.#journal = options.journal;
    this.#hostId = options.hostId;
    this.#wallMs = options.wallMs;
  }

  /** Does nothing once it has been done. @throws RuntimeError, RuntimeDown, JournalError */
  async note(): Promise<void> {
    const { pulledImages, desired } = this.#journal;
    if (pulledImages.knowsBefore) return;
    const containers = await this.#images.ofHost(this.#hostId);
    const { instances } = desired.read();
    const lastUsedMs = this.#wallMs();
    const found = containers.flatMap(({ imageId, image, runId }) => {
      const ordered = instances.find((instance) => instance.runId === runId)?.spec.image;
      const names = new Set(ordered === undefined ? [image] : [image, ordered]);
      return [...names].map((name) => ({ imageId, image: name, credential: null, lastUsedMs }));
    });
    pulledImages.noteBefore(found);
  }
}
