/** Sockets as the relay reads them, on real connections: what is read before it is known where to, and memory that is shared. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { RelaySocket } from "@remotegpu/agent/access/relay/connections/relay-socket";
import { eventually } from "../../support/eventually.ts";
import { numberedBytes } from "../../support/samples/numbered-bytes.ts";

const BULK_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 300_000;

test("the word that somebody was waited for is passed on with all that follows it", async () => {
  await using from = await pair();
  await using into = await pair();
  const relayed = new RelaySocket(from.near);

  from.far.write("hello, ");
  await firstOf(relayed);
  relayed.writeInto(into.near);
  from.far.end("world");

  expect(String(await buffer(into.far))).toBe("hello, world");
});

test("one that ends without a word is waited for no longer, and its end is passed on", async () => {
  await using from = await pair();
  await using into = await pair();
  const relayed = new RelaySocket(from.near);

  from.far.end();
  await firstOf(relayed);
  relayed.writeInto(into.near);

  expect(await buffer(into.far)).toHaveLength(0);
  expect(relayed.destroyed, "the other way is open").toBe(false);
});

test("two that are read into the same memory at once get each its own bytes", async () => {
  await using from = await pair();
  await using into = await pair();
  await using otherFrom = await pair();
  await using otherInto = await pair();
  const counted = Buffer.concat([...numberedBytes(BULK_BYTES)]);
  const zeros = Buffer.alloc(BULK_BYTES);

  new RelaySocket(from.near).writeInto(into.near);
  new RelaySocket(otherFrom.near).writeInto(otherInto.near);
  from.far.end(counted);
  otherFrom.far.end(zeros);
  const [came, otherCame] = await Promise.all([buffer(into.far), buffer(otherInto.far)]);

  expect(came.equals(counted)).toBe(true);
  expect(otherCame.equals(zeros)).toBe(true);
});

test("whoever reads nothing for a while gets all that came meanwhile, in pieces large and small", async () => {
  await using ending = new AsyncDisposableStack();
  // More than the kernel keeps of one connection, and more connections than have a block of their own.
  const much = Buffer.concat([...numberedBytes(6 * BULK_BYTES)]);
  const routes = await Promise.all(
    Array.from({ length: 34 }, async (_, nth) => {
      const [from, into] = [ending.use(await pair()), ending.use(await pair())];
      new RelaySocket(from.near).writeInto(into.near);
      const bytes = nth % 17 === 0 ? much : much.subarray(0, BULK_BYTES / 4);
      return { into, bytes, written: writeInPieces(from.far, bytes) };
    }),
  );
  const slow = routes.filter(({ bytes }) => bytes === much);
  await eventually(() => slow.every(({ into }) => into.near.writableLength > 0), { what: "a full kernel" });

  const came = await Promise.all(routes.map(({ into }) => buffer(into.far)));

  expect(came.map((bytes, nth) => bytes.equals(routes[nth]?.bytes ?? Buffer.of()))).toEqual(
    routes.map(() => true),
  );
  await Promise.all(routes.map(({ written }) => written));
});

/** A small one before each large one. */
async function writeInPieces(socket: Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    socket.write(bytes.subarray(at, at + 100));
    if (!socket.write(bytes.subarray(at + 100, at + PIECE_BYTES))) await once(socket, "drain");
  }
  socket.end();
}

/** Both ends of one connection; the near one has not been read from. */
async function pair(): Promise<{ near: Socket; far: Socket } & AsyncDisposable> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [near] = (await once(server, "connection")) as [Socket];
  return {
    near,
    far,
    [Symbol.asyncDispose]: async () => {
      far.destroy();
      near.destroy();
      server.close();
    },
  };
}

function firstOf(socket: RelaySocket): Promise<void> {
  return new Promise((resolve) => socket.onFirst(resolve));
}
