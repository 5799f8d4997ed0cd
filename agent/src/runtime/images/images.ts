/**
 * The images of this host: whether one is here, by name or id, what is here in all, pulls and removals. Who may have
 * which, and when, is decided elsewhere.
 */
import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { HostId } from "@remotegpu/shared/values/ids";
import { z } from "zod";
import { CANARY_LABEL, LABEL } from "../../core/container/container.ts";
import type { ImageProgram } from "../../core/container/container-spec.ts";
import type { StoredImage } from "../../core/images/image-cleaning.ts";
import { signalNumber } from "../../core/container/stop-signal.ts";
import { repositoryOf } from "../../core/images/image-reference.ts";
import type { NamedImage } from "../../core/images/image-rights.ts";
import { QUICK_MS, WORK_MS } from "../docker/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { pullImage, type ImagePull } from "./image-pull.ts";
import { isStatus, RuntimeError } from "../docker/runtime-error.ts";

const ImageList = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    Size: z.number().nonnegative().default(0),
  }),
);
const ContainerImages = z.array(
  z.object({ ImageID: z.string(), Image: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
);

const Inspected = z.object({
  Id: z.string(),
  RepoDigests: z.array(z.string()).nullish(),
  GraphDriver: z.object({ Name: z.string() }).nullish(),
  Config: z
    .object({
      StopSignal: z.string().nullish(),
      Entrypoint: z.array(z.string()).nullish(),
      Cmd: z.array(z.string()).nullish(),
    })
    .nullish(),
});

/** Of containerd's store, in which what was built here has digests of repositories as well. */
const CONTAINERD_DRIVER = "overlayfs";

/** Only what came from a registry has a digest there; what was built, loaded or imported has none. */
function cameFrom({ RepoDigests: digests, GraphDriver: driver }: z.infer<typeof Inspected>): string[] {
  return driver?.Name === CONTAINERD_DRIVER ? [] : (digests ?? []).map(repositoryOf);
}

/** Of images in use lately; what an id names never changes. */
const MAX_STOP_SIGNALS = 1_000;

function stopSignalIn({ Config: config }: z.infer<typeof Inspected>): number | null {
  const named = config?.StopSignal ?? "";
  return named === "" ? null : signalNumber(named);
}

/** What stands for a name where an image has none. */
const NO_NAME = "<none>:<none>";

/** All methods @throws RuntimeError, RuntimeDown */
export class Images {
  readonly #docker: Docker;
  /** By the ids of images that were looked at. */
  readonly #stopSignals = new Map<string, number | null>();

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /** Null when there is none of this name or id. */
  async idOf(image: string): Promise<string | null> {
    return (await this.named(image))?.imageId ?? null;
  }

  /** What a name leads to here; null for nothing. */
  async named(image: string): Promise<NamedImage | null> {
    const found = await this.#inspect(image);
    return found && { imageId: found.Id, cameFrom: cameFrom(found) };
  }

  /** By which an image wants to be ended; null where it names none, or is not here. */
  async stopSignalOf(imageId: string): Promise<number | null> {
    // Whoever is about to start it has looked at it by its name just now.
    const known = this.#stopSignals.get(imageId);
    if (known !== undefined) return known;
    const found = await this.#inspect(imageId);
    return found === null ? null : stopSignalIn(found);
  }

  /** What an image runs by itself; empty where it is not here. Never cached: its size is for whoever made it to choose. */
  async programOf(imageId: string): Promise<ImageProgram> {
    const config = (await this.#inspect(imageId))?.Config;
    return { entrypoint: config?.Entrypoint ?? [], command: config?.Cmd ?? [] };
  }

  /** All that is here, whoever brought it. */
  async list(): Promise<StoredImage[]> {
    const images = await this.#docker.call(
      "list images",
      { deadlineMs: QUICK_MS },
      async (client, abortSignal) => ImageList.parse(await client.listImages({ abortSignal })),
    );
    return images.map(({ Id: id, RepoTags: names, Size: bytes }) => ({
      id,
      names: (names ?? []).filter((name) => name !== NO_NAME),
      bytes,
    }));
  }

  /** Ids of the images of all containers on this machine, whosever they are and whatever their state. */
  async used(): Promise<Set<string>> {
    return new Set((await this.#ofContainers()).map(({ ImageID }) => ImageID));
  }

  /** For each container of this host id, its canary's aside, its image, and by what name it was made: an id where that is another's now. */
  async ofHost(hostId: HostId): Promise<{ imageId: string; image: string; runId: string | null }[]> {
    const own = (await this.#ofContainers()).filter(
      ({ Labels }) => Labels?.[LABEL.host] === hostId && Labels[CANARY_LABEL] === undefined,
    );
    return own.map(({ ImageID: imageId, Image: image, Labels }) => ({
      imageId,
      image,
      runId: Labels?.[LABEL.run] ?? null,
    }));
  }

  /** Of those of these images that are here. */
  async idsOf(images: readonly string[]): Promise<string[]> {
    const ids = await Promise.all([...new Set(images)].map((image) => this.idOf(image)));
    return ids.filter((id) => id !== null);
  }

  /** Makes an image of an archive of its root, under this name. @returns its id */
  async import(
    archive: Uint8Array,
    { repository, tag, changes }: { repository: string; tag: string; changes: readonly string[] },
  ): Promise<string> {
    const name = `${repository}:${tag}`;
    await this.#docker.call(`import image ${name}`, { deadlineMs: WORK_MS }, async (client, abortSignal) => {
      const answer = await client.importImage(Readable.from([Buffer.from(archive)]), {
        repo: repository,
        tag,
        changes: [...changes],
        abortSignal,
      });
      // What it says shows by the image being there; an answer that nobody reads would keep its connection.
      answer.resume();
      await finished(answer, { signal: abortSignal });
    });
    const imageId = await this.idOf(name);
    if (imageId === null) throw new RuntimeError(`image ${name} was imported and is not there`);
    return imageId;
  }

  /** Goes on until the image is here, or `signal` is aborted. @throws PullError too, and the reason of the signal */
  pull(order: ImagePull): Promise<void> {
    return pullImage(this.#docker.socketPath, order);
  }

  async #inspect(image: string): Promise<z.infer<typeof Inspected> | null> {
    try {
      const found = await this.#docker.call(`inspect image ${image}`, { deadlineMs: QUICK_MS }, (client) =>
        client.getImage(image).inspect(),
      );
      const inspected = Inspected.parse(found);
      if (this.#stopSignals.size >= MAX_STOP_SIGNALS) this.#stopSignals.clear();
      this.#stopSignals.set(inspected.Id, stopSignalIn(inspected));
      return inspected;
    } catch (error) {
      if (isStatus(error, 404)) return null;
      throw error;
    }
  }

  #ofContainers() {
    return this.#docker.call(
      "list containers of all images",
      { deadlineMs: QUICK_MS },
      async (client, abortSignal) =>
        ContainerImages.parse(await client.listContainers({ all: true, abortSignal })),
    );
  }

  /** Takes such names away, and with its last one an image that nobody uses. */
  async removeNamed(isNamed: (name: string) => boolean): Promise<void> {
    for (const { id: imageId, names } of await this.list()) {
      const gone = names.filter(isNamed);
      if (gone.length > 0) await this.remove({ imageId, names: gone });
    }
  }

  /** Never by force: what is in use, or has a name more, stays. Removing what is gone changes nothing. */
  async remove({ imageId, names }: { imageId: string; names: readonly string[] }): Promise<void> {
    for (const name of names.length > 0 ? names : [imageId]) {
      try {
        await this.#docker.call(
          `remove image ${name}`,
          { deadlineMs: WORK_MS, kind: "remove image" },
          (client, abortSignal) => client.getImage(name).remove({ abortSignal }),
        );
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
      }
    }
  }
}
