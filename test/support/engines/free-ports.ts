/**
 * Ports of loopback for servers that begin later, or again: below those that the kernel gives away by itself, of which one
 * would be taken meanwhile now and then, and a test would talk to the server of another one.
 */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isPortFree } from "@remotegpu/control-plane/server/embedded/ports";

const FIRST_PORT = 10_000;
const LAST_PORT = 17_999;
const ANY_ADDRESS = "0.0.0.0";

/** Each is bound for datagrams, which nobody here uses, for as long as this process lives: so no other test takes it. */
const reserved: Socket[] = [];

export async function freePort(): Promise<number> {
  return freePorts(1);
}

/** The first of so many in a row. */
export async function freePorts(count: number): Promise<number> {
  const rows = Math.floor((LAST_PORT - FIRST_PORT + 1) / count);
  for (let tried = 0; tried < rows; tried += 1) {
    // Processes that begin side by side have pids side by side.
    const first = FIRST_PORT + ((process.pid * 101 + tried) % rows) * count;
    if (await areReserved(Array.from({ length: count }, (_, at) => first + at))) return first;
  }
  throw new Error(`no ${count} ports in a row are free from ${FIRST_PORT} to ${LAST_PORT}`);
}

async function areReserved(ports: readonly number[]): Promise<boolean> {
  const taken: Socket[] = [];
  for (const port of ports) {
    const socket = await bound(port);
    if (socket !== null) taken.push(socket);
    if (socket === null || !(await isPortFree(ANY_ADDRESS, port))) {
      for (const one of taken) one.close();
      return false;
    }
  }
  reserved.push(...taken);
  return true;
}

async function bound(port: number): Promise<Socket | null> {
  const socket = createSocket("udp4").unref();
  try {
    socket.bind({ port, address: ANY_ADDRESS, exclusive: true });
    await once(socket, "listening");
    return socket;
  } catch {
    // Somebody else's, whatever it is.
    return null;
  }
}
