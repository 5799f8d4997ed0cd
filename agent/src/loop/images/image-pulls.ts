/**
 * Brings the images that are wanted on this host. Level-triggered: each round says all that is wanted, and a pull that
 * nobody wants any more is ended. Nothing is waited for; an image that came, or did not come, wakes the loop.
 */
import { IMAGE_ID, registryOf } from "@remotegpu/shared/image-name";
import type { RunId } from "@remotegpu/shared/ids";
import type { ObservedPull } from "@remotegpu/shared/image-fetch";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/units";
import { mayUse } from "../../core/images/image-rights.ts";
import { pullKey, type ImageWish } from "../../core/images/image-wishes.ts";
import { isTooSlow } from "../../core/images/pull-bounds.ts";
import { isRegistrysFault } from "../../core/images/pull-problem.ts";
import { NOTHING_YET, progressAfter } from "../../core/images/pull-progress.ts";
import { pullsToBegin } from "../../core/images/pull-schedule.ts";
import { isPaused, pausesAfter, type RegistryPauses } from "../../core/images/registry-pause.ts";
import { JournalError } from "../../journal/journal-database.ts";
import type { PulledImages } from "../../journal/pulled-images.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/runtime-error.ts";
import type { Clock } from "../moment.ts";
import { pullOnce, type PullOutcome, type PullSource } from "./one-pull.ts";
import { missingDetail, ToldPulls, type Outcome, type Pull, type Settled } from "./told-pulls.ts";

/** After what was neither the image's nor its registry's fault. */
const AGAIN_AFTER_MS = 5 * MS_PER_SECOND;
/** What a fetch has brought is looked at again this often, for as long as it is ordered. */
const LOOK_AGAIN_MS = MS_PER_MINUTE;

/** What an order that is to start hears of its image. */
export type ImageState =
  | { kind: "present"; imageId: string }
  /** Not yet, and nothing is wrong. */
  | { kind: "awaited" }
  | { kind: "missing"; detail: string };

export type ImagePullsOptions = {
  source: PullSource;
  pulled: PulledImages;
  clock: Pick<Clock, "monotonicMs" | "wallMs">;
  wake: () => void;
  log: Log;
};

export class ImagePulls {
  readonly #options: ImagePullsOptions;
  readonly #told = new ToldPulls();
  #wished: ReadonlyMap<string, ImageWish> = new Map();
  readonly #pulls = new Map<string, Pull>();
  /** How it ended, for whoever wished it then; a later order tries again. */
  readonly #settled = new Map<string, Settled>();
  readonly #looks = new Map<string, Promise<ImageState>>();
  readonly #ending = new Set<Promise<void>>();
  #pauses: RegistryPauses = new Map();

  constructor(options: ImagePullsOptions) {
    this.#options = options;
  }

  /** For each order that waits for its image, what it waits for. */
  waits(nowMs: number): ReadonlyMap<RunId, string> {
    return this.#tell(nowMs).waits;
  }

  /** For the report: what changes in it but for its progress is there at once. */
  observed(nowMs: number): ObservedPull[] {
    return this.#tell(nowMs).pulls;
  }

  /** Something is still to come. */
  get isBusy(): boolean {
    return this.#pulls.size > 0;
  }

  /** Its image is still to come. */
  isAwaited(runId: RunId): boolean {
    return [...this.#pulls.values()].some(({ wishes }) =>
      [...wishes.values()].some(({ by }) => by.kind === "order" && by.runId === runId),
    );
  }

  /** Images that a pull or a wish names; none of them may be taken away now. */
  get names(): string[] {
    return [...this.#wished.values()].map(({ image }) => image);
  }

  /** All that is wanted now. Ends what is not, begins what there is room for; returns at once. */
  want(wishes: readonly ImageWish[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#wished = new Map(wishes.map((wish) => [wish.wisher, wish]));
    for (const [wisher, { terms }] of this.#settled)
      if (termsOf(this.#wished.get(wisher)) !== terms) this.#settled.delete(wisher);
    for (const pull of this.#pulls.values()) this.#dropUnwanted(pull);
    for (const wish of wishes) if (this.#isToLookFor(wish, nowMs)) this.#lookUnasked(wish);
    this.#endTooSlow(nowMs);
    this.#beginNext(nowMs);
  }

  /**
   * Whether the order may start with its image now; if not, it is pulled for it.
   * @throws RuntimeError, RuntimeDown
   */
  async ensure(wish: ImageWish): Promise<ImageState> {
    const settled = this.#settled.get(wish.wisher);
    if (settled?.kind === "failed")
      return { kind: "missing", detail: missingDetail(wish.image, settled.problem) };
    if (this.#pulls.get(pullKey(wish))?.underWay != null) return this.#join(wish);
    const asked = this.#looks.get(wish.wisher);
    if (asked !== undefined) return asked;
    const look = this.#look(wish).finally(() => this.#looks.delete(wish.wisher));
    this.#looks.set(wish.wisher, look);
    return look;
  }

  /** Ends every pull; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.want([]);
    await Promise.allSettled(this.#looks.values());
    await Promise.all(this.#ending);
  }

  async #look(wish: ImageWish): Promise<ImageState> {
    const { source, pulled, clock } = this.#options;
    const imageId = await source.images.idOf(wish.image);
    if (imageId !== null && mayUse(imageId, wish.terms, pulled.all())) {
      this.#keep(() => pulled.touch([imageId], clock.wallMs()));
      this.#settle(wish.wisher, { kind: "present", sinceMs: clock.monotonicMs() });
      return { kind: "present", imageId };
    }
    // The same whether it is here or not: whose image it is, is nobody's business.
    if (IMAGE_ID.test(wish.image)) {
      this.#settle(wish.wisher, { kind: "failed", problem: "no-such-image", said: null });
      return { kind: "missing", detail: missingDetail(wish.image, "no-such-image") };
    }
    return this.#join(wish);
  }

  #join(wish: ImageWish): ImageState {
    this.#await(wish);
    return { kind: "awaited" };
  }

  #isToLookFor({ wisher, by }: ImageWish, nowMs: number): boolean {
    const settled = this.#settled.get(wisher);
    if (settled === undefined) return ![...this.#pulls.values()].some(({ wishes }) => wishes.has(wisher));
    return by.kind === "fetch" && settled.kind === "present" && nowMs - settled.sinceMs >= LOOK_AGAIN_MS;
  }

  #lookUnasked(wish: ImageWish): void {
    this.ensure(wish).catch((error: unknown) => {
      // The next round looks again; that the runtime is down is told elsewhere.
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
    });
  }

  #await(wish: ImageWish): void {
    // What is not wished yet is in the next round.
    if (!this.#wished.has(wish.wisher)) return;
    this.#settled.delete(wish.wisher);
    const key = pullKey(wish);
    const known = this.#pulls.get(key);
    if (known !== undefined) return void known.wishes.set(wish.wisher, wish);
    const nowMs = this.#options.clock.monotonicMs();
    this.#pulls.set(key, {
      key,
      image: wish.image,
      registry: registryOf(wish.image) ?? "",
      wishes: new Map([[wish.wisher, wish]]),
      sinceMs: nowMs,
      notBefore: null,
      isPaused: false,
      underWay: null,
    });
    this.#beginNext(nowMs);
  }

  #settle(wisher: string, outcome: Outcome): void {
    const wish = this.#wished.get(wisher);
    if (wish !== undefined) this.#settled.set(wisher, { ...outcome, terms: termsOf(wish) });
    for (const pull of this.#pulls.values()) if (pull.wishes.delete(wisher)) this.#dropUnwanted(pull);
  }

  #dropUnwanted(pull: Pull): void {
    for (const wisher of pull.wishes.keys()) {
      const wish = this.#wished.get(wisher);
      if (wish !== undefined && pullKey(wish) === pull.key) pull.wishes.set(wisher, wish);
      else pull.wishes.delete(wisher);
    }
    if (pull.wishes.size > 0) return;
    this.#pulls.delete(pull.key);
    pull.underWay?.end.abort(new NobodyWants(pull.image));
  }

  #endTooSlow(nowMs: number): void {
    const underWay = [...this.#pulls.values()].flatMap((pull) => pull.underWay ?? []);
    for (const one of underWay) {
      const others = underWay.filter(({ owner }) => owner !== one.owner);
      if (isTooSlow(one, others, nowMs)) one.end.abort(new TooSlow());
    }
  }

  #beginNext(nowMs: number): void {
    const pulls = [...this.#pulls.values()];
    for (const pull of pulls) pull.isPaused = isPaused(this.#pauses, pull.registry, nowMs);
    const waiting = pulls.flatMap((pull) => {
      const [first] = pull.wishes.values();
      const isReady = pull.underWay === null && !pull.isPaused && nowMs >= (pull.notBefore?.ms ?? nowMs);
      if (first === undefined || !isReady) return [];
      const isPlaced = [...pull.wishes.values()].some(({ by }) => by.kind === "order");
      return [{ key: pull.key, owner: first.owner, isPlaced, sinceMs: pull.sinceMs }];
    });
    const owners = pulls.flatMap(({ underWay }) => underWay?.owner ?? []);
    for (const key of pullsToBegin(waiting, owners)) {
      const pull = this.#pulls.get(key);
      if (pull !== undefined) this.#begin(pull, nowMs);
    }
  }

  #begin(pull: Pull, nowMs: number): void {
    const { source, clock, wake, log } = this.#options;
    const [wish] = pull.wishes.values();
    if (wish === undefined) return;
    const end = new AbortController();
    const underWay = { owner: wish.owner, end, progress: NOTHING_YET, beganMs: nowMs, movedMs: nowMs };
    pull.underWay = underWay;
    pull.notBefore = null;
    log.info({ image: pull.image, registry: pull.registry }, `image ${pull.image}: its pull begins`);
    const ended = pullOnce(source, {
      image: pull.image,
      terms: wish.terms,
      by: wish.by.kind === "order" ? { instanceId: wish.by.instanceId } : { fetchId: wish.by.fetchId },
      onProgress: (event) => {
        const { reached } = underWay.progress;
        underWay.progress = progressAfter(underWay.progress, event);
        if (underWay.progress.reached > reached) underWay.movedMs = clock.monotonicMs();
      },
      signal: end.signal,
    })
      .catch((reason: unknown): PullOutcome | null => {
        if (reason instanceof NobodyWants) return null;
        if (reason instanceof TooSlow) return { kind: "failed", problem: "too-slow", said: reason.message };
        throw reason;
      })
      .then((outcome) => this.#ended(pull, wish, outcome))
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    // There is something to report.
    wake();
  }

  #ended(pull: Pull, wish: ImageWish, outcome: PullOutcome | null): void {
    const { clock, pulled, log, wake } = this.#options;
    const nowMs = clock.monotonicMs();
    const { image, registry } = pull;
    if (outcome === null) return log.info({ image, registry }, `image ${image}: nobody wants it any more`);
    pull.underWay = null;
    if (outcome.kind === "not-now") {
      const { why, detail } = outcome;
      log.warn({ image, registry, why }, `image ${image}: not pulled now; tried again`);
      pull.notBefore = { ms: nowMs + AGAIN_AFTER_MS, why, detail };
      return;
    }
    const hasFailed = outcome.kind === "failed" && isRegistrysFault(outcome.problem);
    this.#pauses = pausesAfter(this.#pauses, registry, { hasFailed, nowMs });
    if (this.#pulls.get(pull.key) === pull) this.#pulls.delete(pull.key);
    if (outcome.kind === "came") {
      const { imageId } = outcome;
      log.info({ image, registry, imageId }, `image ${image}: it is here`);
      const credential = wish.terms?.credential ?? null;
      this.#keep(() => pulled.put({ imageId, image, credential, lastUsedMs: clock.wallMs() }));
    } else {
      const { problem, said } = outcome;
      log.warn({ image, registry, problem, said }, `image ${image}: it did not come`);
    }
    const settled: Outcome =
      outcome.kind === "came"
        ? { kind: "present", sinceMs: nowMs }
        : { kind: "failed", problem: outcome.problem, said: outcome.said };
    for (const wisher of pull.wishes.keys()) this.#settle(wisher, settled);
    this.#beginNext(nowMs);
    wake();
  }

  /** On a full disk the image is pulled once more before it can be used. */
  #keep(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof JournalError)) throw error;
      this.#options.log.warn({ error }, "what this host pulled could not be written down");
    }
  }

  #tell(nowMs: number) {
    const state = { wishes: this.#wished, pulls: [...this.#pulls.values()], settled: this.#settled };
    return this.#told.tell(state, nowMs);
  }
}

/** On other terms it is another wish. */
function termsOf(wish: ImageWish | undefined): string | null {
  return wish === undefined ? null : JSON.stringify([wish.image, wish.terms]);
}

/** Why a pull was ended by us. */
class NobodyWants extends Error {
  override name = "NobodyWants";
}

class TooSlow extends Error {
  override name = "TooSlow";
  constructor() {
    super("nothing came for too long, or it took too long in all");
  }
}
