/**
 * Saves what a container wrote before the container goes: its last lines for the run's record, and all of it (as far
 * as the limits go) into the state folder. Neither ever stands in the way of a removal for longer than its bound.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import { MAX_TAIL_BYTES } from "@remotegpu/shared/instance/instance";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type OutputFolders, signalOf, tailText, type RunRemains } from "../../core/runs/run-remains.ts";
import type { StoredOutput } from "../../journal/output/stored-output.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { hasNewFile } from "../../runtime/storage/new-output.ts";

/** For all of a container's output: the runtime holds 30 MiB of it at most. */
const KEEP_WITHIN_MS = MS_PER_MINUTE;
const TAIL_WITHIN_MS = 10 * MS_PER_SECOND;
/** Enough to fill the tail however short they are. */
const TAIL_LINES = MAX_TAIL_BYTES;
const PRUNE_EVERY_MS = 10 * MS_PER_MINUTE;

export class OutputKeeper {
  readonly #runtime: Pick<Runtime, "logs">;
  readonly #stored: StoredOutput;
  readonly #poolRoot: string;
  readonly #log: Log;
  readonly #bounds: { keepWithinMs: number; tailWithinMs: number };
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: {
    runtime: Pick<Runtime, "logs">;
    stored: StoredOutput;
    poolRoot: string;
    log: Log;
    /** Shorter in tests. */
    bounds?: { keepWithinMs: number; tailWithinMs: number };
  }) {
    this.#runtime = parts.runtime;
    this.#stored = parts.stored;
    this.#poolRoot = parts.poolRoot;
    this.#log = parts.log;
    this.#bounds = parts.bounds ?? { keepWithinMs: KEEP_WITHIN_MS, tailWithinMs: TAIL_WITHIN_MS };
  }

  /** Never fails: what cannot be read is null. */
  async remainsOf(exit: {
    runId: RunId;
    containerId: string;
    exitCode: number;
    outOfMemory: boolean;
    output?: OutputFolders;
  }): Promise<RunRemains> {
    const { runId, containerId, exitCode, outOfMemory, output } = exit;
    const newOutput = output === undefined ? undefined : await this.#hasNewOutput(runId, output);
    const known = {
      exitCode,
      outOfMemory,
      signal: signalOf(exitCode),
      ...(newOutput !== undefined && { newOutput }),
    };
    try {
      return { ...known, tail: tailText(await this.#lastBytes(containerId)) };
    } catch (error) {
      this.#log.warn({ runId, containerId, error }, `run ${runId}: its last lines could not be read`);
      return { ...known, tail: null };
    }
  }

  /** Never fails and never takes longer than its bound: what is not kept by then is lost, and logged. */
  async keep({ runId, containerId }: { runId: RunId; containerId: string }): Promise<void> {
    try {
      if (await this.#stored.has(runId, containerId)) return;
      const signal = AbortSignal.timeout(this.#bounds.keepWithinMs);
      const pieces = this.#runtime.logs({
        containerId,
        follow: false,
        tailLines: null,
        after: null,
        isLineByLine: true,
        signal,
      });
      const outcome = await this.#stored.keep({ runId, containerId }, pieces);
      if (!outcome.stored) this.#log.warn({ runId, ...outcome }, `run ${runId}: its output is not stored`);
    } catch (error) {
      this.#log.warn({ runId, containerId, error }, `run ${runId}: its output is stored in part only`);
    }
  }

  /** Drops what is too old or too much; in the background, and seldom. */
  pruneWhenDue(nowMs: number): void {
    if (nowMs - this.#prunedMs < PRUNE_EVERY_MS) return;
    this.#prunedMs = nowMs;
    this.#prune().catch((error: unknown) => this.#log.warn({ error }, "pruning of stored output failed"));
  }

  /** Undefined where it cannot be seen. */
  async #hasNewOutput(runId: RunId, output: OutputFolders): Promise<boolean | undefined> {
    try {
      return await hasNewFile(this.#poolRoot, output);
    } catch (error) {
      this.#log.warn({ runId, error }, `run ${runId}: its output could not be read`);
      return undefined;
    }
  }

  async #prune(): Promise<void> {
    const dropped = await this.#stored.prune();
    if (dropped.length > 0) this.#log.info({ dropped }, "stored output of ended runs was dropped");
  }

  async #lastBytes(containerId: string): Promise<Buffer> {
    const pieces = this.#runtime.logs({
      containerId,
      follow: false,
      tailLines: TAIL_LINES,
      after: null,
      isLineByLine: false,
      signal: AbortSignal.timeout(this.#bounds.tailWithinMs),
    });
    // One byte more than is kept shows that there is more.
    const wanted = MAX_TAIL_BYTES + 1;
    let last = Buffer.alloc(0);
    for await (const { bytes } of pieces) {
      const joined = Buffer.concat([last, bytes]);
      last = Buffer.from(joined.subarray(Math.max(0, joined.length - wanted)));
    }
    return last;
  }
}
