/** The images' part of an agent, on the machine's runtime, with a journal of its own and a clock set by the test. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import type { JournalId } from "@remotegpu/shared/values/ids";
import type { RegistryLoginQuestion, RegistryLoginReply } from "@remotegpu/shared/instance/image-fetch";
import type { ImageBounds } from "@remotegpu/agent/core/images/image-cleaning";
import type { DesiredImage } from "@remotegpu/agent/core/images/desired-images";
import { LONGEST_PAUSE_MS } from "@remotegpu/agent/core/images/registry-pause";
import { openJournal, type Journal } from "@remotegpu/agent/journal/journal";
import { ImagePulls, type ImageState } from "@remotegpu/agent/loop/images/image-pulls";
import { ImageRoom } from "@remotegpu/agent/loop/images/image-room";
import { ImagesOfBefore } from "@remotegpu/agent/loop/images/images-of-before";
import type { RegistryAnswer, RegistryRequest } from "@remotegpu/agent/host/registry-requests";
import { Docker } from "@remotegpu/agent/runtime/docker/docker";
import { Images } from "@remotegpu/agent/runtime/images/images";
import { newHostId } from "../docker.ts";
import { eventually } from "../../eventually.ts";
import { BALLAST_BYTES } from "../../samples/journal-samples.ts";
import { memoryLog } from "../../memory-log.ts";

/** The machine's runtime loads few layers at once, of all tests together. */
const PULL_WITHIN_MS = 45_000;

export class ImageHost {
  readonly log = memoryLog();
  readonly images = new Images(new Docker());
  readonly pulls: ImagePulls;
  readonly journal: Journal;
  readonly folder: string;
  /** What the host was asked for and answers are given to. */
  readonly questions: RegistryLoginQuestion[] = [];
  login: RegistryLoginReply = { kind: "registry-login-none" };
  addresses: string[] = [];
  /** Which requests its registry was asked before a pull, and what it answers; as a rule it is not reached. */
  readonly preflights: string[] = [];
  answer: (request: RegistryRequest) => Promise<RegistryAnswer> = () =>
    Promise.reject(new Error("not reached"));
  /** How often it asked for its orders anew. */
  refreshes = 0;
  nowMs = 1_000_000;
  readonly hostId = newHostId();
  disk = { freeBytes: 50, totalBytes: 100 };
  readonly bounds: ImageBounds = { freePart: 0.1, mostBytes: null };
  #requests: readonly DesiredImage[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.journal = openJournal({
      folder,
      newJournalId: () => randomUUID() as JournalId,
      ballastBytes: BALLAST_BYTES,
    });
    this.pulls = new ImagePulls({
      source: {
        images: this.images,
        pulled: this.journal.pulledImages,
        room: new ImageRoom({
          images: this.images,
          pulled: this.journal.pulledImages,
          disk: () => Promise.resolve(this.disk),
          bounds: this.bounds,
        }),
        client: {
          registryLogin: (question) => {
            this.questions.push(question);
            return Promise.resolve(this.login);
          },
        },
        refreshOrders: () => {
          this.refreshes += 1;
        },
        addressesOf: () => Promise.resolve(this.addresses),
        request: (request) => {
          this.preflights.push(`${request.method} ${request.url.href} at ${request.address}`);
          return this.answer(request);
        },
      },
      before: new ImagesOfBefore({
        images: this.images,
        journal: this.journal,
        hostId: this.hostId,
        wallMs: () => this.nowMs,
      }),
      pulled: this.journal.pulledImages,
      clock: { monotonicMs: () => this.nowMs, wallMs: () => this.nowMs },
      wake: () => undefined,
      log: this.log,
    });
  }

  static async begin(): Promise<ImageHost> {
    return new ImageHost(await mkdtemp(join(tmpdir(), "rg-images-")));
  }

  async end(): Promise<void> {
    await this.pulls.close();
    this.journal.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** From now on these are wanted, as the loop says it in each round. */
  want(...requests: readonly DesiredImage[]): void {
    this.#requests = requests;
    this.pulls.want(requests);
  }

  /** One more round, so much later. */
  later(ms: number): void {
    this.nowMs += ms;
    this.pulls.want(this.#requests);
  }

  /** What becomes of the image of an order that is wanted. */
  outcome(options: DesiredImage): Promise<Exclude<ImageState, { kind: "awaited" }>> {
    return eventually(
      async () => {
        this.later(0);
        const state = await this.pulls.ensure(options);
        return state.kind !== "awaited" && state;
      },
      { withinMs: PULL_WITHIN_MS, what: `an end of ${options.image}` },
    );
  }

  /** The same, with as much time as further tries take. */
  lastOutcome(options: DesiredImage): Promise<Exclude<ImageState, { kind: "awaited" }>> {
    return eventually(
      async () => {
        this.later(this.pullOf(options.image)?.state === "waiting" ? LONGEST_PAUSE_MS : 0);
        const state = await this.pulls.ensure(options);
        return state.kind !== "awaited" && state;
      },
      { withinMs: PULL_WITHIN_MS, what: `the last try of ${options.image}` },
    );
  }

  pullOf(image: string) {
    return this.pulls.observed(this.nowMs).find((pull) => pull.image === image);
  }
}

export async function isHere(image: string): Promise<boolean> {
  return (await new Images(new Docker()).idOf(image)) !== null;
}
