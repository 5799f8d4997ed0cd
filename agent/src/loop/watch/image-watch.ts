/**
 * What is known of the images on this host, for the report. It only helps placement to find a host that need not pull,
 * so it is asked for at a slow pace, and nobody waits for it; whether a start needs a pull is asked anew at that start.
 */
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { imageNames } from "../../core/images/image-names.ts";
import type { Images } from "../../runtime/images/images.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/docker/runtime-error.ts";

export const LIST_IMAGES_EVERY_MS = MS_PER_MINUTE;

export class ImageWatch {
  readonly #runtime: { readonly images: Pick<Images, "list"> };
  readonly #log: Log;
  #names: string[] | null = null;
  #requestedMs = Number.NEGATIVE_INFINITY;
  #isRequesting = false;
  #isFailing = false;

  constructor(runtime: { readonly images: Pick<Images, "list"> }, log: Log) {
    this.#runtime = runtime;
    this.#log = log;
  }

  /** As last told; null before the runtime has told any. */
  get names(): string[] | null {
    return this.#names;
  }

  /** Resolves when what was due is done, within the call's own deadline. */
  async checkWhenDue(nowMs: number): Promise<void> {
    if (this.#isRequesting || nowMs - this.#requestedMs < LIST_IMAGES_EVERY_MS) return;
    this.#requestedMs = nowMs;
    this.#isRequesting = true;
    try {
      this.#names = imageNames(await this.#runtime.images.list());
      this.#isFailing = false;
    } catch (error) {
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
      if (!this.#isFailing) this.#log.warn({ error }, "the container runtime does not list its images");
      this.#isFailing = true;
    } finally {
      this.#isRequesting = false;
    }
  }
}
