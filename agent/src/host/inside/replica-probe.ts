/**
 * One question to a replica whether it serves, asked from within its container's network as the gateway's requests come:
 * a connection, or one GET of a path. What is answered is anybody's program's: the time and the bytes of it are bounded,
 * and nothing that it says is followed.
 */
import type { Socket } from "node:net";
import { KIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { headOf, MAX_HEAD_BYTES } from "../../core/probes/answer-head.ts";
import { ANSWER_WITHIN_SECONDS, type Reply } from "../../core/probes/probe-answer.ts";
import { dialInto, DialError, EndedError, type ProcessInside } from "./dial.ts";

const WITHIN_MS = ANSWER_WITHIN_SECONDS * MS_PER_SECOND;
/** Found out so much too late, this process was held up itself, and an answer may lie there unread. */
const LATE_MS = 500;
/** A server that answers in order, and closes, is not cut off. */
const MAX_BODY_BYTES = 64 * KIB;
const LINGER_MS = 250;

/** @param signal of the end of this process: what is under way then says nothing */
export async function probeReplica(
  inside: ProcessInside,
  { path, port }: { path: string | null; port: number },
  signal: AbortSignal,
): Promise<Reply> {
  const deadline = new AbortController();
  const begunMs = performance.now();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = performance.now() - begunMs >= WITHIN_MS + LATE_MS;
    deadline.abort();
  }, WITHIN_MS);
  const bound = AbortSignal.any([deadline.signal, signal]);
  const inTime = (reply: Reply): Reply =>
    bound.aborted ? { kind: isLate || signal.aborted ? "unasked" : "silent" } : reply;
  try {
    const socket = await dialInto(inside, port, { isReadHere: true, signal: bound });
    if (path !== null) return (await answered(socket, path, bound)) ?? inTime({ kind: "hung-up" });
    await destroyed(socket);
    return { kind: "connected" };
  } catch (error) {
    if (!(error instanceof DialError)) throw error;
    if (error instanceof EndedError) return { kind: hasEnded(error) ? "gone" : "unasked" };
    return inTime({ kind: "refused" });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Null where no answer came to the end of its head, or to its bound. Resolves with the answer; who gave it may end its side
 * in order behind it.
 */
async function answered(socket: Socket, path: string, bound: AbortSignal): Promise<Reply | null> {
  const { promise, resolve } = Promise.withResolvers<Reply | null>();
  let isAnswered = false;
  let head = "";
  let lingering: NodeJS.Timeout | undefined;
  const cut = () => void socket.destroy();
  bound.addEventListener("abort", cut);
  socket.on("error", cut);
  socket.once("close", () => {
    clearTimeout(lingering);
    bound.removeEventListener("abort", cut);
    resolve(null);
  });
  socket.on("end", cut);
  socket.on("data", (piece: Buffer) => {
    if (isAnswered) {
      if (socket.bytesRead > MAX_HEAD_BYTES + MAX_BODY_BYTES) cut();
      return;
    }
    head += piece.toString("latin1", 0, MAX_HEAD_BYTES + 1);
    const read = headOf(head);
    if (read.kind === "incomplete") return;
    isAnswered = true;
    resolve(read);
    if (read.kind === "status") lingering = setTimeout(cut, LINGER_MS);
    else cut();
  });
  socket.write(question(path));
  socket.resume();
  if (bound.aborted) cut();
  return await promise;
}

function question(path: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "User-Agent: RemoteGPU-health",
    "Accept: */*",
    "Connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function destroyed(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  // However it ends, "close" follows.
  socket.on("error", () => undefined).once("close", () => resolve());
  socket.destroy();
  await promise;
}

/** Else this host could not enter the container's network, as where it has no descriptor left. */
function hasEnded({ cause }: EndedError): boolean {
  if (cause === undefined) return true;
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ESRCH");
}
