/** The gateway's port as it ends: what was asked is answered, whole, and connections that wait for nothing are closed. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Listener } from "@remotegpu/control-plane/gateway/front/listener";
import { eventually } from "../../support/eventually.ts";
import { keptLog } from "../../support/kept-log.ts";

/** More than fits into what the system holds of a connection. */
const LARGE = 32 * 1024 * 1024;
const ASK = "GET / HTTP/1.1\r\nHost: gateway.example\r\n\r\n";
const STOP_MS = 30_000;

let listener: Listener;
let answer: (response: ServerResponse) => void;
const clients: Socket[] = [];

beforeEach(async () => {
  answer = (response) => void response.end("answered");
  const door = {
    request: (_request: unknown, response: ServerResponse) => answer(response),
    upgrade: () => undefined,
  };
  const wish = { address: "127.0.0.1", port: 0, certificate: null, maxConnections: 100, waitMs: () => 0 };
  listener = await Listener.open(door, wish, keptLog());
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await listener.close();
});

async function client(): Promise<{ socket: Socket; output: () => string; ended: Promise<unknown> }> {
  const socket = connect(listener.port, "127.0.0.1");
  clients.push(socket);
  await once(socket, "connect");
  let said = "";
  socket.on("data", (bytes: Buffer) => (said += bytes.toString("latin1")));
  return { socket, output: () => said, ended: once(socket, "close") };
}

/** One that has asked once, was answered and may ask again. */
async function kept() {
  const one = await client();
  one.socket.write(ASK);
  await eventually(() => one.output().endsWith("answered"), { what: "the first answer" });
  expect(one.output().toLowerCase()).toContain("connection: keep-alive");
  return one;
}

test("a request that has come on a kept connection is answered, read or not", async () => {
  const { socket, output: said, ended } = await kept();

  // Both within one turn: it is there, and nobody has looked.
  socket.write(ASK);
  const drained = listener.drain(STOP_MS);

  await ended;
  expect(said().split("answered")).toHaveLength(3);
  expect(said().split("answered")[1]?.toLowerCase()).toContain("connection: close");
  await drained;
});

test("who has come as it ends, and whom nobody has let in, is answered", async () => {
  const come = Array.from({ length: 20 }, () => connect(listener.port, "127.0.0.1"));
  clients.push(...come);
  const heard = come.map(async (socket) => {
    let said = "";
    for await (const bytes of socket) said += String(bytes);
    return said;
  });
  // The system has let them in by then.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  for (const socket of come) socket.write(ASK);
  const drained = listener.drain(STOP_MS);

  for (const said of await Promise.all(heard)) expect(said).toMatch(/answered$/);
  await drained;
});

test("an answer that was given and not taken yet goes out whole, while those that wait for nothing are closed", async () => {
  const idle = await kept();
  const slow = await client();
  slow.socket.pause();
  const given = new Promise<void>((resolve) => {
    answer = (response) => {
      response.setHeader("Content-Length", LARGE);
      response.end(Buffer.alloc(LARGE, "x"));
      resolve();
    };
  });
  slow.socket.write(ASK);
  await given;

  const drained = listener.drain(STOP_MS);
  await idle.ended;
  slow.socket.resume();

  await slow.ended;
  expect(slow.output().length - slow.output().indexOf("\r\n\r\n") - 4).toBe(LARGE);
  await drained;
});

test("an answer under way says that its connection ends with it", async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  answer = asked.resolve;
  const { socket, output: said, ended } = await client();
  socket.write(ASK);
  const response = await asked.promise;

  const drained = listener.drain(STOP_MS);
  response.end("answered");

  await ended;
  expect(said().toLowerCase()).toContain("connection: close");
  expect(said()).toMatch(/answered$/);
  await drained;
});

test("of several that were asked behind each other all are answered, and the last says that it ends", async () => {
  const asked: ServerResponse[] = [];
  answer = (response) => void asked.push(response);
  const { socket, output: said, ended } = await client();
  socket.write(ASK.repeat(3));
  await eventually(() => asked.length === 3, { what: "all three" });

  const drained = listener.drain(STOP_MS);
  for (const response of asked) response.end("answered");

  await ended;
  const heads = said().toLowerCase().split("answered").slice(0, 3);
  expect(heads.map((head) => /connection: (\S+)/.exec(head)?.[1])).toEqual([
    "keep-alive",
    "keep-alive",
    "close",
  ]);
  await drained;
});
