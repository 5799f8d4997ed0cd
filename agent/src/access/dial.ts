/**
 * The way into a container: a TCP connection made inside its network namespace, first to 127.0.0.1, where most
 * services of an environment listen, then to the container's own address. Only into the process that was meant.
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import { localAddresses } from "../core/host/local-addresses.ts";
import { parseProcStat } from "../host/processes/process-liveness.ts";
import type { ReachableInstance } from "./control-messages.ts";
import { isOwnNamespace, NamespaceError, socketIn } from "./libc.ts";

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
 * @param isReadHere it stays in this process, which reads from it once it is resumed
 * @throws DialError
 */
export async function dialInto(
  instance: ReachableInstance,
  port: number,
  { isReadHere = false }: { isReadHere?: boolean } = {},
): Promise<Socket> {
  const namespace = namespaceOf(instance);
  const connect = (host: string) => connectFrom(namespace, { host, port, isReadHere });
  try {
    return await connect(LOOPBACK);
  } catch (error) {
    if (!(error instanceof DialError)) throw error;
    for (const address of ownAddresses(instance).slice(0, MAX_ADDRESSES)) {
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
function namespaceOf({ pid, startTicks }: ReachableInstance): number {
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

function ownAddresses({ pid }: ReachableInstance): string[] {
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
  { host, port, isReadHere }: { host: string; port: number; isReadHere: boolean },
): Promise<Socket> {
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
    const timer = setTimeout(() => socket.destroy(new Error("no answer in time")), DIAL_WITHIN_MS);
    socket.once("error", (cause) => {
      clearTimeout(timer);
      reject(new DialError(`nobody answers on ${host}:${port} of the container`, { cause }));
    });
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.connect({ host, port });
  });
}
