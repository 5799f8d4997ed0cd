/**
 * Where a run's output is read from: its container while there is one, and what was kept of it afterwards. Following
 * goes on over the container's restarts and ends with the run, with nothing left out and nothing twice.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { RunId } from "@remotegpu/shared/ids";
import type { LogOpen } from "@remotegpu/shared/sessions";
import type { RunKey } from "../core/container.ts";
import type { RunNow } from "../core/run-view.ts";
import type { LogOpener, LogPiece } from "../link/log-sessions.ts";
import type { KeptOutput } from "../output/kept-output.ts";
import type { OutputPiece } from "../runtime/log-frames.ts";
import type { LogQuery } from "../runtime/log-stream.ts";
import { isStatus } from "../runtime/runtime-error.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** Between two lives of a container, and before the first one. */
const LOOK_EVERY_MS = 500;

export type LogSourceParts = {
  runtime: Pick<Runtime, "logs">;
  kept: KeptOutput;
  runNow: (run: RunKey) => RunNow;
  wallMs: () => number;
};

export function logOpener(parts: LogSourceParts): LogOpener {
  return async (open, signal) => {
    const { standing, container } = parts.runNow(open);
    const isKnown = standing === "alive" || container !== null || (await parts.kept.knows(open.runId));
    if (isKnown) return { opened: true, pieces: piecesOf(parts, open, signal) };
    return {
      opened: false,
      reason: "no-such-run",
      detail: `Nothing of run ${open.runId} is on this host (any more).`,
    };
  };
}

async function* piecesOf(
  parts: LogSourceParts,
  open: LogOpen,
  signal: AbortSignal,
): AsyncGenerator<LogPiece, "ended" | "run-over"> {
  /** The moment of the last line that was read; what is read later begins after it. */
  let after = open.tailLines === 0 ? new Date(parts.wallMs()).toISOString() : null;
  for (;;) {
    // Asked before the reading: what a run that was over then has written is whole.
    const { standing, container } = parts.runNow(open);
    const isOver = standing !== "alive";
    // Only the first reading begins at the tail.
    const tailLines: number | null = after === null ? open.tailLines : null;
    const follow = open.follow && !isOver;
    for await (const { output, time, bytes } of reading(parts, {
      runId: open.runId,
      container,
      query: { follow, tailLines, after, isLineByLine: false, signal },
    })) {
      after = time;
      yield { output, bytes };
    }
    if (!open.follow) return "ended";
    if (isOver) return "run-over";
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** Of the container, or where there is none (any more) of what was kept. */
async function* reading(
  { runtime, kept }: LogSourceParts,
  {
    runId,
    container,
    query,
  }: { runId: RunId; container: RunNow["container"]; query: Omit<LogQuery, "containerId"> },
): AsyncGenerator<OutputPiece> {
  try {
    const hasBegun = container !== null && container.status.state !== "created";
    if (hasBegun) {
      yield* runtime.logs({ containerId: container.containerId, ...query });
      return;
    }
  } catch (error) {
    // Removed since it was seen: its output was kept before that.
    if (!isStatus(error, 404)) throw error;
  }
  yield* kept.read(runId, query);
}
