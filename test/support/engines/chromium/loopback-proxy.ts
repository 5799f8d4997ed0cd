/**
 * A SOCKS proxy (RFC 1928, as much of it as Chromium asks for) that leads to this machine's loopback only: every name and
 * every address is 127.0.0.1, and the port alone is the client's.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

const VERSION = 5;
const CONNECT = 1;
const BY_NAME = 3;
const IPV4 = 1;
/** Version and number of methods; version, command, a reserved byte and the kind of address. */
const GREETING_BYTES = 2;
const REQUEST_BYTES = 4;
const NO_AUTHENTICATION = Buffer.from([VERSION, 0]);
const CONNECTED = Buffer.from([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]);

/** Each message of the client comes by itself: it waits for the reply to the one before. */
export async function proxyToLoopback(near: Socket): Promise<void> {
  near.on("error", () => undefined);
  const greeting = await read(near, GREETING_BYTES);
  await read(near, greeting[1] ?? 0);
  near.write(NO_AUTHENTICATION);
  const port = await requestedPort(near);
  const far = connect({ host: "127.0.0.1", port, noDelay: true });
  far.on("error", () => undefined).once("close", () => near.destroy());
  near.once("close", () => far.destroy());
  await once(far, "connect");
  near.write(CONNECTED);
  near.pipe(far).pipe(near);
}

async function requestedPort(near: Socket): Promise<number> {
  const [version, command, , kind] = await read(near, REQUEST_BYTES);
  if (version !== VERSION || command !== CONNECT) throw new Error("this is no CONNECT of SOCKS 5");
  const [length = 0] = kind === BY_NAME ? await read(near, 1) : [kind === IPV4 ? 4 : 16];
  await read(near, length);
  return (await read(near, 2)).readUInt16BE();
}

async function read(socket: Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const found = bytes === 0 ? Buffer.alloc(0) : (socket.read(bytes) as Buffer | null);
    if (found !== null) return found;
    await once(socket, "readable");
  }
}
