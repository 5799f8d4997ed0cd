/**
 * What a container wrote, read from the runtime as it comes and never whole in memory: a reader that is slow holds
 * back the runtime's answer, and nothing else. Asked by hand, since the client library collects such an answer unless
 * it is followed.
 */
import { request, type IncomingMessage } from "node:http";
import { boundedBody } from "@remotegpu/shared/bounded-body";
import { KIB } from "@remotegpu/shared/values/units";
import { QUICK_MS } from "../docker/docker.ts";
import { LogFrames, type OutputPiece } from "./log-frames.ts";
import { RuntimeError, runtimeFailure, UnreadableLogError } from "../docker/runtime-error.ts";

export type LogQuery = {
  containerId: string;
  /** True: goes on until the container ends. */
  follow: boolean;
  /** How many of the last lines to begin with; null for all. */
  tailLines: number | null;
  /** Only what was written after this moment, as a piece told it; null for no such bound. */
  after: string | null;
  /** True: a piece for each line, with its own time. */
  isLineByLine: boolean;
  signal: AbortSignal;
};

/**
 * Ends when all is read, or when the container ends.
 * @throws RuntimeError, of it UnreadableLogError when the log broke off; RuntimeDown; whatever `signal` was aborted with
 */
export async function* logPieces(socketPath: string, query: LogQuery): AsyncGenerator<OutputPiece> {
  const what = `read the output of container ${query.containerId}`;
  const answer = await opened(socketPath, query).catch((cause: unknown) => {
    throw query.signal.aborted ? query.signal.reason : runtimeFailure(what, cause);
  });
  try {
    const frames = new LogFrames({ mergesLines: !query.isLineByLine });
    for await (const chunk of answer as AsyncIterable<Buffer>) yield* frames.read(chunk);
    if (frames.runtimeError !== null) throw new UnreadableLogError(frames.runtimeError);
  } catch (cause) {
    throw query.signal.aborted ? query.signal.reason : runtimeFailure(what, cause);
  } finally {
    answer.destroy();
  }
}

async function opened(socketPath: string, query: LogQuery): Promise<IncomingMessage> {
  const { signal } = query;
  // The deadline is for the answer's beginning alone; a follow goes on for as long as it is wanted.
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const requested = request({ socketPath, path: pathOf(query), signal, agent: false }, resolve);
    const late = setTimeout(
      () => requested.destroy(new RuntimeError(`the container runtime did not answer in ${QUICK_MS} ms`)),
      QUICK_MS,
    );
    requested.once("close", () => clearTimeout(late));
    requested.once("response", () => clearTimeout(late));
    requested.once("error", reject);
    requested.end();
  });
  if (answer.statusCode === 200) return answer;
  const bound = { maxBytes: MAX_REASON_BYTES, signal: AbortSignal.timeout(QUICK_MS) };
  const text = Buffer.from(await boundedBody(answer, bound))
    .toString()
    .slice(0, MAX_REASON);
  throw new RuntimeError(text, { status: answer.statusCode ?? null });
}

const MAX_REASON = 500;
/** What the runtime says in place of it; some registries' words are in there. */
const MAX_REASON_BYTES = 64 * KIB;
const NANOS_PER_SECOND = 1_000_000_000n;

function pathOf({ containerId, follow, tailLines, after }: LogQuery): string {
  const query = new URLSearchParams({
    stdout: "1",
    stderr: "1",
    timestamps: "1",
    ...(follow && { follow: "1" }),
    ...(tailLines !== null && { tail: String(tailLines) }),
    ...(after !== null && { since: justAfter(after) }),
  });
  return `/containers/${encodeURIComponent(containerId)}/logs?${query.toString()}`;
}

/** As the runtime wants it: seconds since 1970 and nanoseconds. Its own bound is inclusive. */
function justAfter(time: string): string {
  const [seconds = "", fraction = ""] = time.replace(/Z$/, "").split(".");
  const whole = BigInt(Date.parse(`${seconds}Z`)) / 1_000n;
  const nanos = whole * NANOS_PER_SECOND + BigInt(fraction.padEnd(9, "0").slice(0, 9)) + 1n;
  return `${nanos / NANOS_PER_SECOND}.${(nanos % NANOS_PER_SECOND).toString().padStart(9, "0")}`;
}
