/**
 * Brings the images that are wanted on this host. Level-triggered: each round says all that is wanted, and a pull that
 * nobody wants any more is ended. Nothing is waited for; an image that came, or did not come, wakes the loop.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { IMAGE_ID, registryOf } from "@remotegpu/shared/values/image-name";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { ObservedPull } from "@remotegpu/shared/instance/image-fetch";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { mayUse } from "../../core/images/image-rights.ts";
import { pullKey, type DesiredImage } from "../../core/images/desired-images.ts";
import { pullEnd, STALL_BEFORE_OTHERS_MS } from "../../core/images/pull-bounds.ts";
import { isHiccup, TRIES } from "../../core/images/pull-problem.ts";
import { MAX_LAYERS, PullProgress } from "../../core/images/pull-progress.ts";
import { PULLS_AT_ONCE, pullsToBegin, type WaitingPull } from "../../core/images/pull-schedule.ts";
import { isPaused, pausesAfter, pauseMs, type RegistryPauses } from "../../core/images/registry-pause.ts";
import { JournalError } from "../../journal/database/journal-database.ts";
import type { PulledImages } from "../../journal/pulled-images.ts";
import { RuntimeDown, RuntimeError } from "../../runtime/docker/runtime-error.ts";
import type { Clock } from "../../host/moment.ts";
import type { ImagesOfBefore } from "./images-of-before.ts";
import { failed, notNow, pullOnce, type PullOutcome, type PullSource } from "./one-pull.ts";
import { missingReason, PullReports, type Outcome, type Pull, type Settled } from "./pull-reports.ts";

/** After what was neither the image's nor its registry's fault. */
const AGAIN_AFTER_MS = 5 * MS_PER_SECOND;
/** One after the other makes room, and only as long as that is not enough. */
const YIELD_EVERY_MS = STALL_BEFORE_OTHERS_MS;
/** What a fetch has brought is looked at again this often, for as long as it is ordered. */
const CHECK_AGAIN_MS = MS_PER_MINUTE;

/** What an order that is to start hears of its image. */
export type ImageState =
  | { kind: "present"; imageId: string }
  /** Not yet, and nothing is wrong. */
  | { kind: "awaited" }
  | { kind: "missing"; why: HostReason };

export type ImagePullsOptions = {
  source: PullSource;
  before: Pick<ImagesOfBefore, "note">;
  pulled: PulledImages;
  clock: Pick<Clock, "monotonicMs" | "wallMs">;
  wake: () => void;
  log: Log;
};

export class ImagePulls {
  readonly #options: ImagePullsOptions;
  readonly #reported = new PullReports();
  #desired: ReadonlyMap<string, DesiredImage> = new Map();
  readonly #pulls = new Map<string, Pull>();
  /** How it ended, for whoever wished it then; a later order tries again. */
  readonly #settled = new Map<string, Settled>();
  readonly #checks = new Map<string, Promise<ImageState>>();
  readonly #ending = new Set<Promise<void>>();
  #pauses: RegistryPauses = [];
  #yieldedMs = Number.NEGATIVE_INFINITY;
  #checksRoom = false;

  constructor(options: ImagePullsOptions) {
    this.#options = options;
  }

  /** For each order that waits for its image, what it waits for. */
  waits(nowMs: number): ReadonlyMap<RunId, HostReason> {
    return this.#report(nowMs).waits;
  }

  /** For the report: what changes in it but for its progress is there at once. */
  observed(nowMs: number): ObservedPull[] {
    return this.#report(nowMs).pulls;
  }

  /** Something is still to come. */
  get isBusy(): boolean {
    return this.#pulls.size > 0;
  }

  /** Its image is still to come. */
  isAwaited(runId: RunId): boolean {
    return [...this.#pulls.values()].some(({ desired }) =>
      [...desired.values()].some(({ by }) => by.kind === "order" && by.runId === runId),
    );
  }

  /** Images that a pull or a wish names; none of them may be taken away now. */
  get names(): string[] {
    return [...this.#desired.values()].map(({ image }) => image);
  }

  /** All that is wanted now. Ends what is not, begins what there is room for; returns at once. */
  want(desired: readonly DesiredImage[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#desired = new Map(desired.map((wanted) => [wanted.wisher, wanted]));
    for (const [wisher, { terms }] of this.#settled)
      if (termsOf(this.#desired.get(wisher)) !== terms) this.#settled.delete(wisher);
    for (const pull of this.#pulls.values()) this.#dropUnwanted(pull);
    for (const wanted of desired) if (this.#isToCheckFor(wanted, nowMs)) this.#checkUnasked(wanted);
    this.#endSlow(nowMs);
    this.#endWithoutRoom();
    this.#beginNext(nowMs);
  }

  /**
   * Whether the order may start with its image now; if not, it is pulled for it.
   * @throws RuntimeError, RuntimeDown, JournalError
   */
  async ensure(wanted: DesiredImage): Promise<ImageState> {
    const settled = this.#settled.get(wanted.wisher);
    if (settled?.kind === "failed")
      return { kind: "missing", why: missingReason(wanted.image, settled.problem) };
    if (this.#pulls.get(pullKey(wanted))?.pending != null) return this.#join(wanted);
    const requested = this.#checks.get(wanted.wisher);
    if (requested !== undefined) return requested;
    const check = this.#check(wanted).finally(() => this.#checks.delete(wanted.wisher));
    this.#checks.set(wanted.wisher, check);
    return check;
  }

  /** Ends every pull; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.want([]);
    await Promise.allSettled(this.#checks.values());
    await Promise.all(this.#ending);
  }

  async #check(wanted: DesiredImage): Promise<ImageState> {
    const { source, before, pulled, clock } = this.#options;
    await before.note();
    const imageId = await source.images.idOf(wanted.image);
    if (imageId !== null && mayUse(imageId, wanted.terms, pulled.all())) {
      this.#keep(() => pulled.touch([imageId], clock.wallMs()));
      this.#settle(wanted.wisher, { kind: "present", sinceMs: clock.monotonicMs() });
      return { kind: "present", imageId };
    }
    // The same whether it is here or not: whose image it is, is nobody's business.
    if (IMAGE_ID.test(wanted.image)) {
      this.#settle(wanted.wisher, { kind: "failed", problem: "no-such-image", message: null });
      return { kind: "missing", why: missingReason(wanted.image, "no-such-image") };
    }
    return this.#join(wanted);
  }

  #join(wanted: DesiredImage): ImageState {
    this.#await(wanted);
    return { kind: "awaited" };
  }

  #isToCheckFor({ wisher, by }: DesiredImage, nowMs: number): boolean {
    const settled = this.#settled.get(wisher);
    if (settled === undefined) return ![...this.#pulls.values()].some(({ desired }) => desired.has(wisher));
    return by.kind === "fetch" && settled.kind === "present" && nowMs - settled.sinceMs >= CHECK_AGAIN_MS;
  }

  #checkUnasked(wanted: DesiredImage): void {
    this.ensure(wanted).catch((error: unknown) => {
      // The next round looks again; that the runtime is down is told elsewhere.
      if (error instanceof RuntimeDown || error instanceof RuntimeError) return;
      this.#options.log.error({ error, image: wanted.image }, "an image could not be checked; retrying");
    });
  }

  #await(wanted: DesiredImage): void {
    // What is not wished yet is in the next round.
    if (!this.#desired.has(wanted.wisher)) return;
    this.#settled.delete(wanted.wisher);
    const key = pullKey(wanted);
    const known = this.#pulls.get(key);
    if (known !== undefined) return void known.desired.set(wanted.wisher, wanted);
    const nowMs = this.#options.clock.monotonicMs();
    this.#pulls.set(key, {
      key,
      image: wanted.image,
      registry: registryOf(wanted.image) ?? "",
      desired: new Map([[wanted.wisher, wanted]]),
      sinceMs: nowMs,
      failures: 0,
      yields: 0,
      notBefore: null,
      isPaused: false,
      pending: null,
    });
    this.#beginNext(nowMs);
  }

  #settle(wisher: string, outcome: Outcome): void {
    const wanted = this.#desired.get(wisher);
    if (wanted !== undefined) this.#settled.set(wisher, { ...outcome, terms: termsOf(wanted) });
    for (const pull of this.#pulls.values()) if (pull.desired.delete(wisher)) this.#dropUnwanted(pull);
  }

  #dropUnwanted(pull: Pull): void {
    for (const wisher of pull.desired.keys()) {
      const wanted = this.#desired.get(wisher);
      if (wanted !== undefined && pullKey(wanted) === pull.key) pull.desired.set(wisher, wanted);
      else pull.desired.delete(wisher);
    }
    if (pull.desired.size > 0) return;
    this.#pulls.delete(pull.key);
    pull.pending?.end.abort(new EndedByUs(null));
  }

  #endSlow(nowMs: number): void {
    const pulls = [...this.#pulls.values()].toSorted(
      (a, b) => (a.pending?.beganMs ?? nowMs) - (b.pending?.beganMs ?? nowMs),
    );
    const pending = pulls.flatMap((pull) => pull.pending ?? []);
    const owners = new Set(pending.map(({ owner }) => owner));
    const isSlotAwaited =
      pending.length >= PULLS_AT_ONCE && this.#waiting(nowMs).some(({ owner }) => !owners.has(owner));
    for (const pull of pulls) {
      const one = pull.pending;
      if (one === null || one.end.signal.aborted) continue;
      const others = pending.filter(({ owner }) => owner !== one.owner);
      switch (pullEnd(one, { pending: others, isSlotAwaited }, nowMs)) {
        case null:
          break;
        case "too-slow":
          one.end.abort(new EndedByUs(TOO_SLOW));
          break;
        case "queued":
          pull.sinceMs = nowMs;
          one.end.abort(new EndedByUs(behindOthers(pull, "others had all downloads of the runtime")));
          break;
        case "yields":
          if (nowMs - this.#yieldedMs < YIELD_EVERY_MS) break;
          this.#yieldedMs = nowMs;
          pull.sinceMs = nowMs;
          pull.yields += 1;
          one.end.abort(new EndedByUs(behindOthers(pull, "it made room for others that waited")));
          break;
      }
    }
  }

  /** Asked in the background; the next round asks again. */
  #endWithoutRoom(): void {
    if (this.#checksRoom || !this.isBusy) return;
    this.#checksRoom = true;
    this.#endIfNearlyFull()
      .catch((error: unknown) =>
        this.#options.log.error({ error }, "the free space for images could not be read"),
      )
      .finally(() => (this.#checksRoom = false));
  }

  async #endIfNearlyFull(): Promise<void> {
    if (!(await this.#options.source.room.isNearlyFull())) return;
    for (const { pending } of this.#pulls.values()) pending?.end.abort(new EndedByUs(NO_ROOM));
  }

  #beginNext(nowMs: number): void {
    const pulls = [...this.#pulls.values()];
    for (const pull of pulls)
      pull.isPaused = isPaused(this.#pauses, { registry: pull.registry, owner: ownerOf(pull) }, nowMs);
    const owners = pulls.flatMap(({ pending }) => pending?.owner ?? []);
    for (const key of pullsToBegin(this.#waiting(nowMs), owners)) {
      const pull = this.#pulls.get(key);
      if (pull !== undefined) this.#begin(pull, nowMs);
    }
  }

  /** Those that could begin now, were there a slot. */
  #waiting(nowMs: number): WaitingPull[] {
    return [...this.#pulls.values()].flatMap((pull) => {
      const { key, desired, pending, isPaused: backoffs, notBefore, sinceMs } = pull;
      if (pending !== null || backoffs || nowMs < (notBefore?.ms ?? nowMs)) return [];
      const isPlaced = [...desired.values()].some(({ by }) => by.kind === "order");
      return [{ key, owner: ownerOf(pull), isPlaced, sinceMs }];
    });
  }

  #begin(pull: Pull, nowMs: number): void {
    const { source, clock, wake, log } = this.#options;
    const [wanted] = pull.desired.values();
    if (wanted === undefined) return;
    const end = new AbortController();
    const progress = new PullProgress();
    const { yields } = pull;
    const pending = { owner: wanted.owner, end, progress, beganMs: nowMs, movedMs: nowMs, yields };
    pull.pending = pending;
    pull.notBefore = null;
    log.info({ image: pull.image, registry: pull.registry }, `image ${pull.image}: its pull begins`);
    const ended = pullOnce(source, {
      image: pull.image,
      terms: wanted.terms,
      by: wanted.by.kind === "order" ? { instanceId: wanted.by.instanceId } : { fetchId: wanted.by.fetchId },
      onProgress: (event) => {
        const { reached } = progress;
        progress.note(event);
        if (progress.reached > reached) pending.movedMs = clock.monotonicMs();
        if (progress.hasTooManyLayers) end.abort(new EndedByUs(TOO_MANY_LAYERS));
      },
      signal: end.signal,
    })
      .catch((reason: unknown) => {
        if (reason instanceof EndedByUs) return reason.outcome;
        throw reason;
      })
      .then((outcome) => this.#ended(pull, wanted, outcome))
      .catch((error: unknown) => this.#failedItself(pull, error))
      .finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    // There is something to report.
    wake();
  }

  #ended(pull: Pull, wanted: DesiredImage, outcome: PullOutcome | null): void {
    const { clock, pulled, log, wake } = this.#options;
    const nowMs = clock.monotonicMs();
    const { image, registry } = pull;
    if (outcome === null) return log.info({ image, registry }, `image ${image}: nobody wants it any more`);
    const hasLayers = pull.pending?.progress.hasLayers === true;
    pull.pending = null;
    if (outcome.kind === "not-now") {
      const { why, reason } = outcome;
      log.warn({ image, registry, why }, `image ${image}: not pulled now; tried again`);
      pull.notBefore = { ms: nowMs + AGAIN_AFTER_MS, why, reason };
      return this.#beginNext(nowMs);
    }
    const isFailure = outcome.kind === "failed" && isHiccup(outcome.problem);
    // Who has told the layers is no registry that is away, whatever becomes of them.
    const hasFailed = isFailure && !hasLayers;
    this.#pauses = pausesAfter(this.#pauses, { registry, owner: wanted.owner }, { hasFailed, nowMs });
    if (isFailure && pull.failures + 1 < TRIES) {
      const { problem, message } = outcome;
      log.warn({ image, registry, problem, message }, `image ${image}: it did not come; tried again`);
      pull.failures += 1;
      const reason: HostReason = { code: "image-registry-paused", params: { image } };
      pull.notBefore = { ms: nowMs + pauseMs(pull.failures), why: message, reason };
      return this.#beginNext(nowMs);
    }
    if (this.#pulls.get(pull.key) === pull) this.#pulls.delete(pull.key);
    if (outcome.kind === "came") {
      const { imageId } = outcome;
      log.info({ image, registry, imageId }, `image ${image}: it is here`);
      const credential = wanted.terms?.credential ?? null;
      this.#keep(() => pulled.put({ imageId, image, credential, lastUsedMs: clock.wallMs() }));
    } else {
      const { problem, message } = outcome;
      log.warn({ image, registry, problem, message }, `image ${image}: it did not come`);
    }
    const settled: Outcome =
      outcome.kind === "came"
        ? { kind: "present", sinceMs: nowMs }
        : { kind: "failed", problem: outcome.problem, message: outcome.message };
    for (const wisher of pull.desired.keys()) this.#settle(wisher, settled);
    this.#beginNext(nowMs);
    wake();
  }

  /** Something of ours failed, as a journal can: the image is tried again, and nobody's slot is lost. */
  #failedItself(pull: Pull, error: unknown): void {
    const { clock, log } = this.#options;
    const { image, registry } = pull;
    log.error({ error, image, registry }, `image ${image}: its pull failed by itself; tried again`);
    pull.pending = null;
    const reason: HostReason = { code: "image-pull-repeated", params: { image } };
    pull.notBefore = { ms: clock.monotonicMs() + AGAIN_AFTER_MS, why: String(error), reason };
    if (pull.desired.size > 0) this.#pulls.set(pull.key, pull);
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

  #report(nowMs: number) {
    const state = { desired: this.#desired, pulls: [...this.#pulls.values()], settled: this.#settled };
    return this.#reported.report(state, nowMs);
  }
}

/** On other terms it is another wish. */
function termsOf(wanted: DesiredImage | undefined): string | null {
  return wanted === undefined ? null : JSON.stringify([wanted.image, wanted.terms]);
}

/** Of those who want it, the one in whose name it is pulled. */
function ownerOf({ desired }: Pull): string {
  const [first] = desired.values();
  return first?.owner ?? "";
}

const TOO_SLOW = failed("too-slow", "nothing came for too long, or it took too long in all");
const TOO_MANY_LAYERS = failed("failed", `it has more than ${MAX_LAYERS} layers`);
const NO_ROOM = failed("no-room", "the disk of images is nearly full");

function behindOthers({ image }: Pull, why: string): PullOutcome {
  return notNow({ code: "image-pull-queued", params: { image } }, why);
}

/** Why a pull was ended: its outcome, or null where nobody wants it any more. */
class EndedByUs extends Error {
  override name = "EndedByUs";
  readonly outcome: PullOutcome | null;

  constructor(outcome: PullOutcome | null) {
    super("the pull was ended by the agent");
    this.outcome = outcome;
  }
}
