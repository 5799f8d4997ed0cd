/**
 * Whether an image is on this host, and its pull where it is not. An image is known by its id: what is here under
 * the wanted name or id is used as it is and never pulled again. Pulls go on beside the loop and wake it.
 */
import type Dockerode from "dockerode";
import { z } from "zod";
import { MS_PER_MINUTE } from "@remotegpu/shared/units";
import type { LocalImage } from "../core/image-names.ts";
import { QUICK_MS } from "./docker.ts";
import type { Docker } from "./docker.ts";
import { isStatus } from "./runtime-error.ts";

export type ImageState =
  | { kind: "present"; imageId: string }
  | { kind: "pulling"; detail: string }
  | { kind: "missing"; detail: string };

/** A large framework image on a slow line. */
export const PULL_MS = 60 * MS_PER_MINUTE;
/** More at once only make each slower. */
export const PULLS_AT_ONCE = 2;

const IMAGE_ID = /^(sha256:)?[0-9a-f]{64}$/;

const ImageList = z.array(z.object({ Id: z.string(), RepoTags: z.array(z.string()).nullish() }));

export class Images {
  readonly #docker: Docker;
  readonly #onPulled: () => void;
  readonly #pulling = new Set<string>();
  /** Told once, to the order that asks next; a later order tries again. */
  readonly #failures = new Map<string, string>();

  /** @param onPulled called when a pull has ended, either way */
  constructor(docker: Docker, onPulled: () => void) {
    this.#docker = docker;
    this.#onPulled = onPulled;
  }

  /** Begins the pull when one is needed. @throws RuntimeError, RuntimeDown */
  async ensure(image: string): Promise<ImageState> {
    const imageId = await this.#idOf(image);
    if (imageId !== null) return { kind: "present", imageId };
    if (IMAGE_ID.test(image)) {
      return { kind: "missing", detail: `Image ${image} is not on this host, and an id cannot be pulled.` };
    }
    const failure = this.#failures.get(image);
    if (failure !== undefined) {
      this.#failures.delete(image);
      return {
        kind: "missing",
        detail: `Image ${image} is not on this host and its pull failed: ${failure}`,
      };
    }
    if (this.#pulling.has(image)) return { kind: "pulling", detail: `Image ${image} is being pulled.` };
    if (this.#pulling.size >= PULLS_AT_ONCE) {
      return { kind: "pulling", detail: `The pull of image ${image} waits for ${PULLS_AT_ONCE} others.` };
    }
    this.#begin(image);
    return { kind: "pulling", detail: `Image ${image} is being pulled.` };
  }

  /** All that is here. @throws RuntimeError, RuntimeDown */
  async list(): Promise<LocalImage[]> {
    const images = await this.#docker.call(
      "list images",
      { deadlineMs: QUICK_MS },
      async (client, abortSignal) => ImageList.parse(await client.listImages({ abortSignal })),
    );
    return images.map(({ Id: id, RepoTags: tags }) => ({ id, tags: tags ?? [] }));
  }

  #begin(image: string): void {
    this.#pulling.add(image);
    const ended = this.#docker.call(`pull ${image}`, { deadlineMs: PULL_MS }, (client, signal) =>
      pull(client, image, signal),
    );
    void ended
      .catch((error: unknown) => {
        this.#failures.set(image, error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        this.#pulling.delete(image);
        this.#onPulled();
      });
  }

  async #idOf(image: string): Promise<string | null> {
    try {
      const found = await this.#docker.call(`inspect image ${image}`, { deadlineMs: QUICK_MS }, (client) =>
        client.getImage(image).inspect(),
      );
      return found.Id;
    } catch (error) {
      if (isStatus(error, 404)) return null;
      throw error;
    }
  }
}

/** The answer is a stream of progress; an error in its midst is the pull's failure. */
async function pull(client: Dockerode, image: string, abortSignal: AbortSignal): Promise<void> {
  // Without a tag the runtime would pull every tag there is.
  const reference = /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
  const progress = await client.pull(reference, { abortSignal });
  await new Promise<void>((resolve, reject) => {
    client.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
  });
}
