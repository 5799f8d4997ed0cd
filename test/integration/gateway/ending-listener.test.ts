/** The gateway's port as it ends: what was asked is answered, whole, and connections that wait for nothing are closed. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Listener } from "@remotegpu/control-plane/gateway/router/listener";
import { eventually } from "../../support/eventually.ts";
import { memoryLog } from "../../support/memory-log.ts";

/** More than fits into what the system holds of a connection. */
const LARGE = 32 * 1024 * 1024;
const QUESTION = "GET / HTTP/1.1\r\nHost: gateway.example\r\n\r\n";
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
  const options = { address: "127.0.0.1", port: 0, certificate: null, maxConnections: 100, waitMs: () => 0 };
  listener = await Listener.open(door, options, memoryLog());
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await listener.close();
});

async function client(): Promise<{ socket: Socket; output: () => string; ended: Promise<unknown> }> {
  const socket = connect(listener.port, "127.0.0.1");
  clients.push(socket);
  await once(socket, "connect");
  let output = "";
  socket.on("data", (bytes: Buffer) => (output += bytes.toString("latin1")));
  return { socket, output: () => output, ended: once(socket, "close") };
}

/** One that has asked once, was answered and may ask again. */
async function stored() {
  const one = await client();
  one.socket.write(QUESTION);
  await eventually(() => one.output().endsWith("answered"), { what: "the first answer" });
  expect(one.output().toLowerCase()).toContain("connection: keep-alive");
  return one;
}

test("a request that has come on a pooled connection is answered, read or not", async () => {
  const { socket, output, ended } = await stored();

  // Both within one turn: it is there, and nobody has looked.
  socket.write(QUESTION);
  const drained = listener.drain(STOP_MS);

  await ended;
  expect(output().split("answered")).toHaveLength(3);
  expect(output().split("answered")[1]?.toLowerCase()).toContain("connection: close");
  await drained;
});

test("who has come as it ends, and whom nobody has let in, is answered", async () => {
  const come = Array.from({ length: 20 }, () => connect(listener.port, "127.0.0.1"));
  clients.push(...come);
  const heard = come.map(async (socket) => {
    let output = "";
    for await (const bytes of socket) output += String(bytes);
    return output;
  });
  // The system has let them in by then.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  for (const socket of come) socket.write(QUESTION);
  const drained = listener.drain(STOP_MS);

  for (const output of await Promise.all(heard)) expect(output).toMatch(/answered$/);
  await drained;
});

test("an answer that was given and not taken yet goes out whole, while those that wait for nothing are closed", async () => {
  const idle = await stored();
  const slow = await client();
  slow.socket.pause();
  const given = new Promise<void>((resolve) => {
    answer = (response) => {
      response.setHeader("Content-Length", LARGE);
      response.end(Buffer.alloc(LARGE, "x"));
      resolve();
    };
  });
  slow.socket.write(QUESTION);
  await given;

  const drained = listener.drain(STOP_MS);
  await idle.ended;
  slow.socket.resume();

  await slow.ended;
  expect(slow.output().length - slow.output().indexOf("\r\n\r\n") - 4).toBe(LARGE);
  await drained;
});

test("an answer in progress states that its connection ends with it", async () => {
  const requested = Promise.withResolvers<ServerResponse>();
  answer = requested.resolve;
  const { socket, output, ended } = await client();
  socket.write(QUESTION);
  const response = await requested.promise;

  const drained = listener.drain(STOP_MS);
  response.end("answered");

  await ended;
  expect(output().toLowerCase()).toContain("connection: close");
  expect(output()).toMatch(/answered$/);
  await drained;
});

test("of several that were pipelined all are answered, and the last states that it ends", async () => {
  const requested: ServerResponse[] = [];
  answer = (response) => void requested.push(response);
  const { socket, output, ended } = await client();
  socket.write(QUESTION.repeat(3));
  await eventually(() => requested.length === 3, { what: "all three" });

  const drained = listener.drain(STOP_MS);
  for (const response of requested) response.end("answered");

  await ended;
  const heads = output().toLowerCase().split("answered").slice(0, 3);
  expect(heads.map((head) => /connection: (\S+)/.exec(head)?.[1])).toEqual([
    "keep-alive",
    "keep-alive",
    "close",
  ]);
  await drained;
});
