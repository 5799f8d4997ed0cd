/**
 * Carries out one action: the record first, then the world. What takes long (a start, a stop's grace) goes on in
 * the background, one thing at a time for a run; a later round sees how it ended. Until a list of containers shows
 * that, nothing more is done for the run, and no start that would get in the way of its start.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { worded } from "@remotegpu/shared/reasons/host-reports/statement";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import type { Action } from "../core/runs/action.ts";
import {
  recordAfter,
  recordGroup,
  recordRemains,
  recordStarted,
  recordTrouble,
  type MonotonicTime,
  type RunRecord,
} from "../core/runs/run-record.ts";
import { networkLabel, type RunKey } from "../core/container/container.ts";
import { ActionCounts } from "../core/metrics/action-counts.ts";
import { desiredImageOf } from "../core/images/desired-images.ts";
import { groupOf } from "../core/runs/left-behind.ts";
import { areRivals } from "../core/reconcile/start-obstacle.ts";
import type { ContainerGroups } from "../host/processes/container-groups.ts";
import type { Journal } from "../journal/journal.ts";
import type { GpuFacts, Readiness, Runtime } from "../runtime/runtime.ts";
import { NotEndingError, RuntimeDown, RuntimeError } from "../runtime/docker/runtime-error.ts";
import type { CodePacks } from "./code/code-packs.ts";
import type { Doors } from "./doors.ts";
import type { ImagePulls, ImageState } from "./images/image-pulls.ts";
import type { OutputKeeper } from "./output/output-keeper.ts";
import { StopGrace } from "./stop-grace.ts";

type RunAction = Exclude<Action, { kind: "hold-stops" }>;
type StartAction = Extract<Action, { kind: "start" | "restart" }>;

type Ready = Extract<Readiness, { kind: "ready" }>;
type StartReadiness =
  | (Ready & ({ containerId: string } | { containerId: null; imageId: string; codePath: string | null }))
  | Extract<Readiness, { kind: "refused" }>
  /** Its image is still to come, and nothing is wrong: asked again when woken. */
  | Extract<ImageState, { kind: "awaited" }>;

/** `untouched`: nothing was done yet. `dropped`: it was not wanted any more. Nothing: it was done. */
type Outcome = "untouched" | "dropped" | "refused" | "failed" | undefined | void;

type Work = {
  task: Promise<void>;
  /** What is being started; null for a stop or a removal. */
  starts: DesiredInstance | null;
  /** Of a stop; null for everything else. */
  grace: StopGrace | null;
  /** How many works had ended with this one; null while it is under way. */
  endedAs: number | null;
};

export class RunPerformer {
  readonly #journal: Journal;
  readonly #runtime: Runtime;
  readonly #groups: Pick<ContainerGroups, "find">;
  readonly #imagePulls: Pick<ImagePulls, "ensure" | "isAwaited">;
  readonly #doors: Pick<Doors, "folderFor" | "remove">;
  readonly #codePacks: Pick<CodePacks, "ensure">;
  readonly #output: OutputKeeper;
  readonly #hasReportedEnd: (runId: RunId) => boolean;
  readonly #wants: (run: RunKey) => boolean;
  readonly #gpuFacts: () => GpuFacts;
  readonly #counts: ActionCounts;
  readonly #wake: () => void;
  readonly #log: Log;
  /** Under way, or ended and not yet shown by a list of containers. */
  readonly #works = new Map<RunId, Work>();
  #endedWorks = 0;
  readonly #notEnding = new Map<RunId, HostReason>();

  constructor(options: {
    journal: Journal;
    runtime: Runtime;
    groups: Pick<ContainerGroups, "find">;
    imagePulls: Pick<ImagePulls, "ensure" | "isAwaited">;
    doors: Pick<Doors, "folderFor" | "remove">;
    codePacks: Pick<CodePacks, "ensure">;
    output: OutputKeeper;
    /** Whether the control plane was told how a run ended: it is not forgotten before. */
    hasReportedEnd: (runId: RunId) => boolean;
    /** Whether a run is still to run: what is asked before a start, and making its container, may take long. */
    wants: (run: RunKey) => boolean;
    gpuFacts: () => GpuFacts;
    /** Is raised by each action that has ended. */
    counts?: ActionCounts;
    wake: () => void;
    log: Log;
  }) {
    this.#journal = options.journal;
    this.#runtime = options.runtime;
    this.#groups = options.groups;
    this.#imagePulls = options.imagePulls;
    this.#doors = options.doors;
    this.#codePacks = options.codePacks;
    this.#output = options.output;
    this.#hasReportedEnd = options.hasReportedEnd;
    this.#wants = options.wants;
    this.#gpuFacts = options.gpuFacts;
    this.#counts = options.counts ?? new ActionCounts();
    this.#wake = options.wake;
    this.#log = options.log;
  }

  /** What starts under way are doing, for people. */
  get waits(): ReadonlyMap<RunId, HostReason> {
    const starting = [...this.#works].filter(([, { starts }]) => starts !== null);
    return new Map(starting.map(([runId]) => [runId, { code: "run-starting", params: {} }]));
  }

  /** Runs that were killed and whose processes are still there, with the sentence that says so. */
  get notEnding(): ReadonlyMap<RunId, HostReason> {
    return this.#notEnding;
  }

  /** A start is under way, or was and no list of containers shows it yet. One that only waits for its image is none. */
  get isStarting(): boolean {
    return [...this.#works].some(
      ([runId, { starts }]) => starts !== null && !this.#imagePulls.isAwaited(runId),
    );
  }

  get isBusy(): boolean {
    return [...this.#works.values()].some(({ endedAs }) => endedAs === null);
  }

  /** A list of containers that is asked for now shows what this many works did. */
  get endedWorks(): number {
    return this.#endedWorks;
  }

  /**
   * To be told before actions that were decided on a list: what `endedWorks` was when it was asked for.
   * @returns whether starts are among the works that the list shows
   */
  visible(endedWorks: number): boolean {
    const visible = [...this.#works].filter(([, { endedAs }]) => endedAs !== null && endedAs <= endedWorks);
    for (const [runId] of visible) this.#works.delete(runId);
    return visible.some(([, { starts }]) => starts !== null);
  }

  /** Returns false when the action has to wait for work of before; it is decided anew then. */
  perform(action: RunAction, at: MonotonicTime): boolean {
    if (action.kind === "stop") this.#shorten(action);
    if (this.#mustWait(action)) return false;
    this.#begin(action, at);
    return true;
  }

  #mustWait(action: RunAction): boolean {
    if (this.#works.has(action.runId)) return true;
    if (action.kind !== "start" && action.kind !== "restart") return false;
    return [...this.#works.values()].some(
      ({ starts }) => starts !== null && areRivals(starts, action.desired),
    );
  }

  /** A stop that is under way ends by the shorter grace of the order that stands now. */
  #shorten({ runId, graceSeconds, isGraceOrdered }: Extract<Action, { kind: "stop" }>): void {
    const grace = this.#works.get(runId)?.grace ?? null;
    if (grace === null || !isGraceOrdered || !grace.shorten(graceSeconds)) return;
    this.#log.info(
      { runId, graceSeconds },
      `run ${runId}: its stop is in progress and has ${graceSeconds} s left`,
    );
  }

  #begin(action: RunAction, at: MonotonicTime): void {
    const { runId } = action;
    switch (action.kind) {
      case "adopt":
      case "open-gate":
      case "note-holding":
        this.#log.info(action, `run ${runId}: ${action.kind}`);
        this.#record(action, at, (record) => recordGroup(record, this.#groupNow(action)));
        this.#counts.add(action.kind, "ok");
        return;
      case "note-serving":
      case "note-refusal":
      case "close-run":
        this.#log.info(action, `run ${runId}: ${action.kind}`);
        this.#record(action, at);
        this.#counts.add(action.kind, "ok");
        return;
      case "refuse":
        this.#log.error(action, action.detail);
        this.#counts.add(action.kind, "refused");
        return;
      case "forget":
        if (!this.#hasReportedEnd(runId)) return;
        this.#journal.runs.forget(runId);
        this.#notEnding.delete(runId);
        return;
      case "keep-remains":
        this.#inBackground(action, () => this.#keepRemains(action));
        return;
      case "stop":
        this.#log.info(action, `run ${runId}: ${action.detail}`);
        this.#record(action, at);
        this.#stopInBackground(action);
        return;
      case "end-unwell":
        this.#log.warn(action, `run ${runId}: ${action.unwell.detail}`);
        this.#record(action, at);
        this.#stopInBackground(action);
        return;
      case "remove":
        this.#inBackground(action, () => this.#remove(action));
        return;
      case "start":
      case "restart":
        this.#inBackground(action, () => this.#start(action, at));
        return;
    }
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all([...this.#works.values()].map(({ task }) => task));
  }

  async #start(action: StartAction, at: MonotonicTime): Promise<Outcome> {
    const { runId, desired } = action;
    const ready = await this.#readiness(action);
    if (ready.kind === "awaited") return "untouched";
    if (!this.#wants(action)) return "dropped";
    const begun = this.#record(action, at);
    if (begun === null) return "dropped";
    if (ready.kind === "refused") {
      this.#log.warn({ runId, problem: ready.problem }, ready.detail);
      this.#journal.runs.save(recordTrouble(begun, ready));
      return "refused";
    }
    try {
      const containerId =
        ready.containerId ??
        (await this.#runtime.create(desired, { ...ready, livePath: await this.#doors.folderFor(desired) }));
      const { gpus, network } = desired.spec;
      const given = { containerId, gpus, network: networkLabel(network) };
      this.#journal.runs.save(recordStarted(begun, given));
      // Making it may have taken long: the next round removes what nobody wants any more.
      if (!this.#wants(action)) return "dropped";
      await this.#runtime.start(containerId, desired.spec);
      this.#log.info({ runId, containerId, attempt: action.attempt }, `run ${runId}: started`);
    } catch (error) {
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
      const problem = error instanceof RuntimeDown ? "runtime-down" : "runtime-error";
      this.#log.warn({ runId, error }, `run ${runId}: the container did not start`);
      const record = this.#recordOf(runId) ?? begun;
      this.#journal.runs.save(recordTrouble(record, { problem, detail: sentenceOf(error) }));
      return "failed";
    }
  }

  /** A container that is there already has its image, and needs none that is here by name. */
  async #readiness(action: StartAction): Promise<StartReadiness> {
    const { desired } = action;
    const readiness = this.#runtime.readiness(desired, this.#gpuFacts());
    if (action.kind === "restart") {
      const ready = await readiness;
      return ready.kind === "refused" ? ready : { ...ready, containerId: action.containerId };
    }
    // All at once, since somebody waits; whoever is refused has asked for his image all the same.
    const { code } = desired.spec;
    const [ready, image, pack] = await Promise.all([
      readiness,
      this.#imagePulls.ensure(desiredImageOf(desired)),
      code === undefined ? null : this.#codePacks.ensure(code),
    ]);
    if (ready.kind === "refused") return ready;
    switch (image.kind) {
      case "awaited":
        return image;
      case "missing":
        return { kind: "refused", problem: "image-missing", ...worded(image.why) };
      case "present":
        if (isOtherContent(desired.spec, image.imageId))
          return {
            kind: "refused",
            problem: "image-missing",
            ...worded(otherContent(desired.spec, image.imageId)),
          };
        if (pack?.isHere === false) return { kind: "refused", problem: "runtime-error", ...worded(pack.why) };
        return { ...ready, imageId: image.imageId, codePath: pack?.path ?? null, containerId: null };
    }
  }

  /** Taken from the container that is still there; the removal waits for it. */
  async #keepRemains(action: Extract<Action, { kind: "keep-remains" }>): Promise<void> {
    const remains = await this.#output.remainsOf(action);
    const record = this.#recordOf(action.runId);
    if (record !== null) this.#journal.runs.save(recordRemains(record, remains));
  }

  /** What was asked in vain to end by itself is not asked again: the next try kills at once. */
  #stopInBackground(action: Extract<Action, { kind: "stop" | "end-unwell" }>): void {
    const graceSeconds = this.#notEnding.has(action.runId) ? 0 : action.graceSeconds;
    const grace = new StopGrace(graceSeconds);
    this.#inBackground(action, () => this.#stop(action, { graceSeconds, grace }), grace);
  }

  async #stop(
    { runId, containerId }: RunKey & { containerId: string },
    { graceSeconds, grace }: { graceSeconds: number; grace: StopGrace },
  ): Promise<void> {
    const group = groupOf(containerId, this.#journal.runs.all());
    const { cutShort } = grace;
    try {
      await this.#untilItEnds(runId, () =>
        this.#runtime.stop(containerId, { graceSeconds, group, cutShort }),
      );
    } finally {
      grace.close();
    }
  }

  async #remove(action: Extract<Action, { kind: "remove" }>): Promise<void> {
    await this.#output.keep(action);
    const group = groupOf(action.containerId, this.#journal.runs.all());
    await this.#untilItEnds(action.runId, () => this.#runtime.remove({ ...action, group }));
    await this.#doors.remove(action.runId);
  }

  async #untilItEnds(runId: RunId, end: () => Promise<void>): Promise<void> {
    try {
      await end();
      this.#notEnding.delete(runId);
    } catch (error) {
      if (error instanceof NotEndingError) this.#notEnding.set(runId, error.reason);
      throw error;
    }
  }

  /** A group that cannot be read now is found by its container's id later. */
  #groupNow(action: Extract<Action, { kind: "adopt" | "open-gate" | "note-holding" }>): string | null {
    const pid = action.kind === "open-gate" ? action.pid : null;
    try {
      return this.#groups.find(action.containerId, pid);
    } catch (error) {
      this.#log.warn({ runId: action.runId, error }, "its control group could not be found");
      return null;
    }
  }

  /** The record is on the disk before the world is touched. */
  #record(
    action: RunAction,
    at: MonotonicTime,
    complete = (record: RunRecord): RunRecord => record,
  ): RunRecord | null {
    const after = recordAfter(this.#recordOf(action.runId), action, at);
    const record = after === null ? null : complete(after);
    if (record !== null) this.#journal.runs.save(record);
    return record;
  }

  #recordOf(runId: RunId): RunRecord | null {
    return this.#journal.runs.all().find((record) => record.runId === runId) ?? null;
  }

  /** @param perform resolves with `untouched` where it did nothing, and somebody else wakes the loop when it can */
  #inBackground(action: RunAction, perform: () => Promise<Outcome>, grace: StopGrace | null = null): void {
    const { runId, kind } = action;
    const tried = perform()
      .catch((error: unknown): Outcome => {
        this.#log.warn({ runId, kind, error }, `run ${runId}: ${kind} failed and is tried again`);
        return "failed";
      })
      .then((outcome) => this.#count(kind, outcome));
    const starts = "desired" in action ? action.desired : null;
    const work: Work = { task: this.#end(runId, tried), starts, grace, endedAs: null };
    this.#works.set(runId, work);
  }

  #count(kind: RunAction["kind"], outcome: Outcome): Outcome {
    if (outcome !== "untouched" && outcome !== "dropped") this.#counts.add(kind, outcome ?? "ok");
    return outcome;
  }

  async #end(runId: RunId, tried: Promise<Outcome>): Promise<void> {
    const outcome = await tried;
    const work = this.#works.get(runId);
    // No list shows what was not done, and a round at once would only ask the same again.
    if (outcome === "untouched" || work === undefined) return void this.#works.delete(runId);
    work.endedAs = this.#endedWorks += 1;
    this.#wake();
  }
}

/** Its name leads to another content by now, or never led to the ordered one here. */
function isOtherContent({ imageId }: InstanceSpec, foundId: string): boolean {
  return imageId !== undefined && imageId !== foundId;
}

function otherContent({ image, imageId = "" }: InstanceSpec, foundId: string): HostReason {
  return { code: "image-content-differs", params: { image, found_id: foundId, ordered_id: imageId } };
}

/** The runtime's own words are in the cause; both make the sentence people read. */
function sentenceOf(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
