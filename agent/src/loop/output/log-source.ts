/**
 * Where a run's output is read from: its container while there is one, and what was kept of it afterwards. Following
 * goes on over the container's restarts and ends with the run, with nothing left out and nothing twice.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { RunId } from "@remotegpu/shared/values/ids";
import type { LogOpen } from "@remotegpu/shared/messages/sessions";
import { KIB } from "@remotegpu/shared/values/units";
import type { RunKey } from "../../core/container/container.ts";
import type { RunNow } from "../../core/runs/run-view.ts";
import type { LogOpener, LogPiece } from "../../link/log-sessions.ts";
import type { StoredOutput } from "../../journal/output/stored-output.ts";
import type { OutputPiece } from "../../runtime/output/log-frames.ts";
import type { LogQuery } from "../../runtime/output/log-stream.ts";
import { isStatus, UnreadableLogError } from "../../runtime/docker/runtime-error.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { openServiceLog } from "./service-log.ts";

/** Between two lives of a container, and before the first one. */
const CHECK_EVERY_MS = 500;
const JOINED_BYTES = 32 * KIB;

export type LogSourceParts = {
  runtime: Pick<Runtime, "logs" | "serviceOutput">;
  stored: StoredOutput;
  runNow: (run: RunKey) => RunNow;
  wallMs: () => number;
};

export function logOpener(parts: LogSourceParts): LogOpener {
  return async (open, signal) => {
    if (open.service !== undefined) return openServiceLog(parts, { ...open, service: open.service }, signal);
    const { state, container } = parts.runNow(open);
    const isKnown = state === "alive" || container !== null || (await parts.stored.knows(open.runId));
    if (isKnown) return { opened: true, pieces: piecesOf(parts, open, signal) };
    return {
      opened: false,
      reason: "no-such-run",
      why: { code: "output-of-run-missing", params: { run_id: open.runId } },
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
    const { state, container } = parts.runNow(open);
    const isOver = state !== "alive";
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
    await delay(CHECK_EVERY_MS, undefined, { signal });
  }
}

/** Of the container, or where there is none (any more) of what was kept. */
async function* reading(
  { runtime, stored }: LogSourceParts,
  {
    runId,
    container,
    query,
  }: { runId: RunId; container: RunNow["container"]; query: Omit<LogQuery, "containerId"> },
): AsyncGenerator<OutputPiece> {
  let rest = query;
  try {
    const hasBegun = container !== null && container.status.state !== "created";
    if (hasBegun) {
      for await (const piece of runtime.logs({ containerId: container.containerId, ...query })) {
        rest = { ...query, tailLines: null, after: piece.time };
        yield piece;
      }
      return;
    }
  } catch (error) {
    if (!(await isStored(error, { stored, runId }))) throw error;
  }
  yield* joined(stored.read(runId, rest));
}

/** Removed since it was seen (404), being removed (409), or removed while it was read: its output was kept before that. */
async function isStored(
  error: unknown,
  { stored, runId }: { stored: StoredOutput; runId: RunId },
): Promise<boolean> {
  if (error instanceof UnreadableLogError) return await stored.knows(runId);
  return isStatus(error, 404) || isStatus(error, 409);
}

/** Of a line a message each would be thousands of messages; the last one's time stands for all. */
async function* joined(records: AsyncIterable<OutputPiece>): AsyncGenerator<OutputPiece> {
  let waiting: OutputPiece[] = [];
  let waitingBytes = 0;
  const taken = (): OutputPiece[] => {
    const last = waiting.at(-1);
    const pieces =
      last === undefined ? [] : [{ ...last, bytes: Buffer.concat(waiting.map(({ bytes }) => bytes)) }];
    waiting = [];
    waitingBytes = 0;
    return pieces;
  };
  for await (const record of records) {
    const isOther = waiting.length > 0 && waiting[0]?.output !== record.output;
    if (isOther || waitingBytes + record.bytes.length > JOINED_BYTES) yield* taken();
    waiting.push(record);
    waitingBytes += record.bytes.length;
  }
  yield* taken();
}
