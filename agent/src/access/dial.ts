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

/** Connected, and not read from: whoever gets it reads from the first byte on. @throws DialError */
export async function dialInto(instance: ReachableInstance, port: number): Promise<Socket> {
  const namespace = namespaceOf(instance);
  try {
    return await connect(namespace, LOOPBACK, port);
  } catch (error) {
    if (!(error instanceof DialError)) throw error;
    for (const address of ownAddresses(instance).slice(0, MAX_ADDRESSES)) {
      const dialled = await connect(namespace, address, port).catch((cause: unknown) => {
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
    throw new DialError(`process ${pid} has no network namespace any more`, { cause });
  }
  try {
    // Files of /proc never wait for a disk, and a client waits for this.
    const life = parseProcStat(textOf(`/proc/${pid}/stat`));
    if (!life.alive || life.startTicks !== startTicks)
      throw new DialError(`process ${pid} is not the container's any more`);
    // Whatever the list says: the services of the host itself are not for customers' clients.
    if (isOwnNamespace(fd)) throw new DialError(`process ${pid} is in the host's own network`);
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
    throw new DialError(`${file} is gone: its process has ended`, { cause });
  }
}

async function connect(namespace: number, host: string, port: number): Promise<Socket> {
  let fd: number;
  try {
    fd = socketIn(namespace);
  } catch (cause) {
    if (!(cause instanceof NamespaceError)) throw cause;
    throw new DialError("the container's network cannot be entered", { cause });
  }
  // Not readable here: what the service says first belongs to whoever gets the connection.
  const socket = new Socket({ fd, readable: false, writable: true });
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
