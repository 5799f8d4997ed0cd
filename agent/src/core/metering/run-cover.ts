/**
 * Do a journal's rows cover each run's time as metering leaves it: in order, nothing twice, nothing after the end, and
 * no hole that no row explains? Rows are walked one by one, so that a week of them costs time and not memory.
 */
import type { RunId } from "@remotegpu/shared/values/ids";
import type { JournalEntry, UsageEntry } from "@remotegpu/shared/proof/journal-row";
import { MISSED_TICK_MS, type UsageInterval } from "./usage-interval.ts";

export type CoverFault = { runId: RunId; seq: number } &
  /** Time that an earlier row claims as well. */
  (
    | { kind: "overlap"; fromMs: number; toMs: number }
    /** Between two rows of one boot, although the first does not say that its process ended. */
    | { kind: "hole"; fromMs: number; toMs: number }
    | { kind: "after-final" }
  );

/** What is remembered of a run while its rows are walked. */
type Place = Pick<UsageEntry, "bootId" | "endMs" | "proof" | "final"> & { seq: number };

export class RunCover {
  readonly #places = new Map<RunId, Place>();
  #lastLostSeq = 0;

  /** The rows in the order of their seqs, each once. */
  take(seq: number, entry: JournalEntry): CoverFault[] {
    if (entry.kind === "lost") {
      this.#lastLostSeq = seq;
      return [];
    }
    const { runId, startMs, bootId } = entry;
    const before = this.#places.get(runId);
    this.#places.set(runId, { ...entry, seq });
    if (before === undefined) return [];
    if (before.final) return [{ runId, seq, kind: "after-final" }];
    return before.bootId === bootId ? this.#between(before, { runId, seq, startMs }) : [];
  }

  /** After the last row: how far the runs' open intervals fit to their rows. */
  fits(intervals: Iterable<UsageInterval>): CoverFault[] {
    return [...intervals].flatMap(({ runId, bootId, startMs }) => {
      const before = this.#places.get(runId);
      if (before === undefined) return [];
      if (before.final) return [{ runId, seq: before.seq, kind: "after-final" as const }];
      return before.bootId === bootId ? this.#between(before, { runId, seq: before.seq, startMs }) : [];
    });
  }

  #between(
    before: Place,
    { runId, seq, startMs }: { runId: RunId; seq: number; startMs: number },
  ): CoverFault[] {
    const gapMs = startMs - before.endMs;
    if (gapMs < 0) return [{ runId, seq, kind: "overlap", fromMs: startMs, toMs: before.endMs }];
    // What follows a row of a process that was still alive begins where that row ends; any row may be the lost one.
    const isExplained =
      before.proof === "bounded" || before.proof === "unproven" || this.#lastLostSeq > before.seq;
    if (gapMs <= MISSED_TICK_MS || isExplained) return [];
    return [{ runId, seq, kind: "hole", fromMs: before.endMs, toMs: startMs }];
  }
}
