/** What is large comes whole and in order, whichever way it goes, though it waits for its turns since others ask as well. */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, request as post } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex, Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { ReverseProxy } from "@remotegpu/control-plane/gateway/proxy/reverse-proxy";
import { FairScheduler } from "@remotegpu/control-plane/gateway/proxy/fair-scheduler";
import type { Destination } from "@remotegpu/control-plane/gateway/tunnel/tunnel";
import { MIB } from "@remotegpu/shared/values/units";
import { eventually } from "../../support/eventually.ts";

const LARGE = randomBytes(24 * MIB);
const OF_LARGE = hashOf(LARGE);
const FOR_OTHERS = "/others";
const BULK_STREAMS = "/pours";
const UPGRADE = { Connection: "Upgrade", Upgrade: "websocket" };

let gateway: number;
let flooded: number;
let requesting: NodeJS.Timeout;
/** How often somebody waited. */
let waited: () => number;

beforeEach(async () => {
  const container = createServer((request, response) => {
    if (request.url === FOR_OTHERS) return void response.end("well");
    if (request.method === "GET") return void response.end(LARGE);
    void hashed(request).then((hash) => response.end(hash));
  });
  container.on("upgrade", (request, socket: Duplex) => {
    socket.on("error", () => socket.destroy());
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    if (request.url === BULK_STREAMS) return writeOut(socket);
    // What comes is as long as what went.
    void hashed(socket, LARGE.length).then((hash) => socket.write(hash));
    socket.write(LARGE);
  });
  const at = await listening(container);
  const open = async () => {
    const socket = connect({ port: at, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    return socket;
  };
  const proxy = new ReverseProxy({ open });
  onTestFinished(() => proxy.close());
  const to = (path = "") =>
    ({ hostId: "host-1", instanceId: path === FOR_OTHERS ? "ins-2" : "ins-1", port: 8000 }) as Destination;
  const front = createServer(
    (request, response) =>
      void proxy
        .carry({ request, response, headers: request.headers }, to(request.url))
        .catch(() => response.destroy()),
  );
  front.on("upgrade", (request, socket, head) => {
    socket.on("error", () => socket.destroy());
    void proxy
      .carryUpgrade(request, socket, head, { to: to(), headers: request.headers })
      .catch(() => socket.destroy());
  });
  gateway = await listening(front);
  const wait = vi.spyOn(FairScheduler.prototype, "wait");
  waited = () => wait.mock.calls.length;
  const request = () =>
    get({ port: gateway, host: "127.0.0.1", path: FOR_OTHERS }, (answer) => answer.resume()).on(
      "error",
      () => undefined,
    );
  request();
  requesting = setInterval(request, 50);
});

afterEach(() => {
  clearInterval(requesting);
  vi.restoreAllMocks();
});

test("an answer", async () => {
  const [answer] = (await once(get({ port: gateway, host: "127.0.0.1" }), "response")) as [IncomingMessage];

  expect(await hashed(answer)).toBe(OF_LARGE);
  expect(waited()).toBeGreaterThan(0);
});

test("an answer whose reader stops for a while", async () => {
  const [answer] = (await once(get({ port: gateway, host: "127.0.0.1" }), "response")) as [IncomingMessage];
  const hash = createHash("sha256");
  let pieces = 0;
  for await (const piece of answer) {
    hash.update(piece as Buffer);
    pieces += 1;
    if (pieces % 40 === 0) await pause(20);
  }

  expect(hash.digest("hex")).toBe(OF_LARGE);
});

test("a body", async () => {
  const requested = post({ port: gateway, host: "127.0.0.1", method: "PUT" });
  requested.end(LARGE);
  const [answer] = (await once(requested, "response")) as [IncomingMessage];
  const output: Buffer[] = await answer.toArray();

  expect(Buffer.concat(output).toString()).toBe(OF_LARGE);
  expect(waited()).toBeGreaterThan(0);
});

test("both directions of a WebSocket", async () => {
  const requested = get({ port: gateway, host: "127.0.0.1", headers: UPGRADE });
  const [, socket, head] = (await once(requested, "upgrade")) as [IncomingMessage, Duplex, Buffer];
  socket.unshift(head);
  socket.write(LARGE);
  const output = await bytesOf(socket, LARGE.length + OF_LARGE.length);
  socket.destroy();

  expect(hashOf(output.subarray(0, LARGE.length))).toBe(OF_LARGE);
  expect(output.subarray(LARGE.length).toString()).toBe(OF_LARGE);
  expect(waited()).toBeGreaterThan(0);
});

test("whoever does not read holds up what is sent to it, turns or none", async () => {
  const requested = get({ port: gateway, host: "127.0.0.1", path: BULK_STREAMS, headers: UPGRADE });
  const [, socket] = (await once(requested, "upgrade")) as [IncomingMessage, Readable];
  socket.pause();
  const stands = async () => {
    const before = flooded;
    await pause(500);
    return flooded > 0 && flooded === before;
  };
  await eventually(stands, { what: "nothing more that is taken" });
  socket.destroy();

  // What the system holds of two connections is less.
  expect(flooded).toBeLessThan(64 * MIB);
});

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

function hashOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** As much as is taken, of more than anybody takes that does not read. */
function writeOut(socket: Writable): void {
  flooded = 0;
  const more = () => {
    if (flooded >= 512 * MIB) return;
    socket.write(LARGE.subarray(0, MIB), () => {
      flooded += MIB;
      more();
    });
  };
  more();
}

/** Of all, or of the first so many. */
async function hashed(stream: Readable, count = Infinity): Promise<string> {
  return hashOf(await bytesOf(stream, count));
}

async function bytesOf(stream: Readable, count: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  return await new Promise((resolve, reject) => {
    stream.on("data", (piece: Buffer) => {
      pieces.push(piece);
      length += piece.length;
      if (length >= count) resolve(Buffer.concat(pieces));
    });
    stream.once("end", () => resolve(Buffer.concat(pieces)));
    stream.once("error", reject);
  });
}
