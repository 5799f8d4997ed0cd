/**
 * The way into a container: a TCP connection made inside its network namespace, first to 127.0.0.1, where most
 * services of an environment listen, then to the container's own address. Only into the process that was meant.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { localAddresses } from "../../core/host/local-addresses.ts";
import { parseProcStat } from "../processes/process-liveness.ts";
import { isOwnNamespace, NamespaceError, socketIn } from "./libc.ts";

/** Any process of the container, in whose network all of them are. */
export type ProcessInside = { pid: number; startTicks: number };

const DIAL_WITHIN_MS = 5_000;
const LOOPBACK = "127.0.0.1";
/** A container of ours is on one network; more than a few addresses mean something odd. */
const MAX_ADDRESSES = 4;

/** There is no way now: nobody listens, or the container has ended. */
export class DialError extends Error {
  override name = "DialError";
}

/** The container that was meant is not there any more, or must not be entered. */
export class EndedError extends DialError {
  override name = "EndedError";
}

/**
 * Connected, and not read from: whoever gets it reads from the first byte on.
 * @param from the address inside from which the service sees it come, one of the loopback's; it is led to no other then
 * @param isReadHere it stays in this process, which reads from it once it is resumed
 * @param signal ends what is under way
 * @throws DialError
 */
export async function dialInto(
  inside: ProcessInside,
  port: number,
  { isReadHere = false, signal, from }: { isReadHere?: boolean; signal?: AbortSignal; from?: string } = {},
): Promise<Socket> {
  const namespace = namespaceOf(inside);
  const connect = (host: string) => connectFrom(namespace, { host, port, isReadHere, signal, from });
  try {
    return await connect(LOOPBACK);
  } catch (error) {
    if (!(error instanceof DialError) || from !== undefined) throw error;
    for (const address of ownAddresses(inside).slice(0, MAX_ADDRESSES)) {
      const dialled = await connect(address).catch((cause: unknown) => {
        if (!(cause instanceof DialError)) throw cause;
        return null;
      });
      if (dialled !== null) return dialled;
    }
    throw error;
  } finally {
    closeSync(namespace);
  }
}

/**
 * Open on the namespace of exactly this process. The file is opened before the look at the process: were the pid
 * another process's by then, its start ticks would differ.
 */
function namespaceOf({ pid, startTicks }: ProcessInside): number {
  let fd: number;
  try {
    fd = openSync(`/proc/${pid}/ns/net`, "r");
  } catch (cause) {
    throw new EndedError(`process ${pid} has no network namespace any more`, { cause });
  }
  try {
    // Files of /proc never wait for a disk, and a client waits for this.
    const life = parseProcStat(textOf(`/proc/${pid}/stat`));
    if (!life.alive || life.startTicks !== startTicks)
      throw new EndedError(`process ${pid} is not the container's any more`);
    // Whatever the list says: the services of the host itself are not for customers' clients.
    if (isOwnNamespace(fd)) throw new EndedError(`process ${pid} is in the host's own network`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function ownAddresses({ pid }: ProcessInside): string[] {
  return localAddresses(textOf(`/proc/${pid}/net/fib_trie`));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new EndedError(`${file} is gone: its process has ended`, { cause });
  }
}

async function connectFrom(
  namespace: number,
  {
    host,
    port,
    isReadHere,
    signal,
    from,
  }: {
    host: string;
    port: number;
    isReadHere: boolean;
    signal: AbortSignal | undefined;
    from: string | undefined;
  },
): Promise<Socket> {
  // Not later: a socket that was given up before it is connected would be made anew, and out here.
  if (signal?.aborted === true) throw new DialError(`nobody has time for ${host}:${port} of the container`);
  let fd: number;
  try {
    fd = socketIn(namespace);
  } catch (cause) {
    if (!(cause instanceof NamespaceError)) throw cause;
    throw new EndedError("the container's network cannot be entered", { cause });
  }
  // Not readable elsewhere than where it is to be: what the service says first belongs to whoever gets the connection.
  // One that is read here must not begin before it is connected.
  const options = { fd, readable: isReadHere, writable: true, pauseOnCreate: true };
  const socket = new Socket(options);
  return new Promise((resolve, reject) => {
    const giveUp = () => socket.destroy(new Error("no answer in time"));
    const timer = setTimeout(giveUp, DIAL_WITHIN_MS);
    signal?.addEventListener("abort", giveUp);
    const forget = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    };
    socket.once("error", (cause) => {
      forget();
      reject(new DialError(`nobody answers on ${host}:${port} of the container`, { cause }));
    });
    socket.once("connect", () => {
      forget();
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.connect({ host, port, ...(from !== undefined && { localAddress: from }) });
  });
}
