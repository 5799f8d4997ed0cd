/**
 * One look at whether somebody answers in a container: of SSH the server's first word is waited for on a connection as
 * clients make it, of other services the kernel's tables are read and nobody is connected to. A container that sends for
 * ever, or never, costs one packet and some seconds of one connection.
 */
import { once } from "node:events";
import { open } from "node:fs/promises";
import type { Socket } from "node:net";
import { readProcessLife } from "../../host/processes/process-liveness.ts";
import { isListening } from "../../core/host/listening.ts";
import type { CheckResult, Watched } from "../../core/leases/answer.ts";
import type { ReachableInstance } from "../control/control-messages.ts";
import { dialInto, DialError, EndedError } from "../../host/inside/dial.ts";

const BANNER = "SSH-";
const BANNER_WITHIN_MS = 5_000;
/** Of a table; those who listen stand first, so that only who has thousands of them is not seen. */
const MAX_TABLE_BYTES = 256 * 1024;
const PIECE_BYTES = 16 * 1024;
const TABLES = ["tcp", "tcp6"];

export async function checkService(instance: ReachableInstance, watched: Watched): Promise<CheckResult> {
  return watched.service === "ssh"
    ? await waitForBanner(instance, watched.internalPort)
    : await findListener(instance, watched.internalPort);
}

async function waitForBanner(instance: ReachableInstance, port: number): Promise<CheckResult> {
  let socket: Socket;
  try {
    socket = await dialInto(instance, port, { isReadHere: true });
  } catch (error) {
    if (!(error instanceof DialError)) throw error;
    return error instanceof EndedError ? "unknown" : "closed";
  }
  // However it ends, "close" follows.
  socket.on("error", () => socket.destroy());
  const timer = setTimeout(() => socket.destroy(), BANNER_WITHIN_MS);
  const closed = once(socket, "close");
  let text = "";
  socket.on("data", (bytes: Buffer) => {
    text += bytes.toString("latin1", 0, BANNER.length);
    if (text.length >= BANNER.length || !BANNER.startsWith(text)) socket.destroy();
  });
  socket.once("end", () => socket.destroy());
  socket.resume();
  await closed;
  clearTimeout(timer);
  return text.startsWith(BANNER) ? "answers" : "mute";
}

async function findListener(instance: ReachableInstance, port: number): Promise<CheckResult> {
  const { pid, startTicks } = instance;
  const tables = await Promise.all(TABLES.map((table) => beginningOf(`/proc/${pid}/net/${table}`)));
  // After the reading: were the pid another process's by then, its start would differ.
  const life = await readProcessLife(pid);
  if (!life.alive || life.startTicks !== startTicks) return "unknown";
  return tables.some((table) => table !== null && isListening(table, port)) ? "answers" : "closed";
}

/** Null where it is not there: the process has ended, or its machine has no such addresses. */
async function beginningOf(path: string): Promise<string | null> {
  try {
    await using file = await open(path);
    let text = "";
    const piece = Buffer.alloc(PIECE_BYTES);
    while (text.length < MAX_TABLE_BYTES) {
      const { bytesRead } = await file.read(piece);
      if (bytesRead === 0) break;
      text += piece.toString("latin1", 0, bytesRead);
    }
    return text;
  } catch (error) {
    if (error instanceof Error && "code" in error && ABSENCE.has(String(error.code))) return null;
    throw error;
  }
}

const ABSENCE = new Set(["ENOENT", "ESRCH", "EINVAL"]);
