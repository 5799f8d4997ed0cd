/**
 * Carries out one action: the record first, then the world. What takes long (a start, a stop's grace) goes on in
 * the background, one thing at a time for a run; the next round sees how it ended.
 */
import type { RunId } from "@remotegpu/shared/ids";
import type { Log } from "@remotegpu/shared/log";
import type { Action } from "../core/action.ts";
import {
  recordAfter,
  recordStarted,
  recordTrouble,
  type MonotonicTime,
  type RunRecord,
} from "../core/run-record.ts";
import type { Journal } from "../journal/journal.ts";
import type { GpuFacts, Runtime } from "../runtime/runtime.ts";
import { RuntimeDown, RuntimeError } from "../runtime/runtime-error.ts";

type RunAction = Exclude<Action, { kind: "hold-stops" }>;
type StartAction = Extract<Action, { kind: "start" | "restart" }>;

export class RunPerformer {
  readonly #journal: Journal;
  readonly #runtime: Runtime;
  readonly #gpuFacts: () => GpuFacts;
  readonly #wake: () => void;
  readonly #log: Log;
  readonly #underWay = new Map<RunId, Promise<void>>();
  readonly #waits = new Map<RunId, string>();

  constructor(options: {
    journal: Journal;
    runtime: Runtime;
    gpuFacts: () => GpuFacts;
    wake: () => void;
    log: Log;
  }) {
    this.#journal = options.journal;
    this.#runtime = options.runtime;
    this.#gpuFacts = options.gpuFacts;
    this.#wake = options.wake;
    this.#log = options.log;
  }

  /** What starts under way are doing, for people. */
  get waits(): ReadonlyMap<RunId, string> {
    return this.#waits;
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  perform(action: RunAction, at: MonotonicTime): void {
    const { runId } = action;
    if (this.#underWay.has(runId)) return;
    switch (action.kind) {
      case "adopt":
      case "open-gate":
      case "close-run":
        this.#log.info(action, `run ${runId}: ${action.kind}`);
        this.#record(action, at);
        return;
      case "refuse":
        this.#log.error(action, action.detail);
        return;
      case "forget":
        this.#journal.runs.forget(runId);
        this.#waits.delete(runId);
        return;
      case "stop":
        this.#log.info(action, `run ${runId}: ${action.detail}`);
        this.#record(action, at);
        this.#inBackground(action, () => this.#runtime.stop(action.containerId, action));
        return;
      case "remove":
        this.#inBackground(action, () => this.#runtime.remove(action));
        return;
      case "start":
      case "restart":
        this.#inBackground(action, () => this.#start(action, at));
        return;
    }
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #start(action: StartAction, at: MonotonicTime): Promise<void> {
    const { runId, desired } = action;
    const ready = await this.#runtime.readiness(desired, this.#gpuFacts());
    if (ready.kind === "waiting") {
      this.#waits.set(runId, ready.detail);
      return;
    }
    this.#waits.delete(runId);
    const begun = this.#record(action, at);
    if (begun === null) return;
    if (ready.kind === "refused") {
      this.#log.warn({ runId, problem: ready.problem }, ready.detail);
      this.#journal.runs.save(recordTrouble(begun, ready));
      return;
    }
    try {
      const containerId =
        action.kind === "start" ? await this.#runtime.create(desired, ready) : action.containerId;
      this.#journal.runs.save(recordStarted(begun, containerId));
      await this.#runtime.start(containerId, desired.spec);
      this.#log.info({ runId, containerId, attempt: action.attempt }, `run ${runId}: started`);
    } catch (error) {
      if (!(error instanceof RuntimeDown || error instanceof RuntimeError)) throw error;
      const problem = error instanceof RuntimeDown ? "runtime-down" : "runtime-error";
      this.#log.warn({ runId, error }, `run ${runId}: the container did not start`);
      const record = this.#recordOf(runId) ?? begun;
      this.#journal.runs.save(recordTrouble(record, { problem, detail: sentenceOf(error) }));
    }
  }

  /** The record is on the disk before the world is touched. */
  #record(action: RunAction, at: MonotonicTime): RunRecord | null {
    const record = recordAfter(this.#recordOf(action.runId), action, at);
    if (record !== null) this.#journal.runs.save(record);
    return record;
  }

  #recordOf(runId: RunId): RunRecord | null {
    return this.#journal.runs.all().find((record) => record.runId === runId) ?? null;
  }

  #inBackground({ runId, kind }: RunAction, work: () => Promise<void>): void {
    const task = work()
      .catch((error: unknown) => {
        this.#log.warn({ runId, kind, error }, `run ${runId}: ${kind} failed and is tried again`);
      })
      .finally(() => {
        this.#underWay.delete(runId);
        this.#wake();
      });
    this.#underWay.set(runId, task);
  }
}

/** The runtime's own words are in the cause; both make the sentence people read. */
function sentenceOf(error: Error): string {
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
