/** What a host may answer in place of what it was asked for: each ends within its bound, and none is held in memory. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HostId } from "@remotegpu/shared/values/ids";
import { DraftState, HostListing } from "@remotegpu/shared/messages/files";
import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import type { FileQuestion } from "@remotegpu/control-plane/server/core/hosts/host-files";
import { type HostAnswers, ScriptedHost } from "../../../../../support/http/host-answers.ts";

const KIB = 1_024;
/** Where nothing is to be late, so that a busy machine is no fault. */
const BOUNDS = { maxBytes: 64 * KIB };
const SHORT = { withinMs: 60, beginsWithinMs: 60, patientWithinMs: 120, silentForMs: 500 };
const FILE = { name: "YQ", type: "file", bytes: 1, modifiedMs: 1 };
const LISTING: FileQuestion = { method: "GET", route: "/entry", folder: "f", path: "" };

let host: ScriptedHost;
/** Asked by somebody who does not wait. */
let slow: ScriptedHost;
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  host = ending.use(await ScriptedHost.open(BOUNDS));
  slow = ending.use(await ScriptedHost.open({ ...BOUNDS, ...SHORT }));
});
afterAll(() => ending.disposeAsync());

async function request(answer: HostAnswers, { question = LISTING, of = host } = {}) {
  of.answer = answer;
  return await of.files.request(HostId.parse("host-1"), question);
}

async function read(
  answer: HostAnswers,
  {
    shape = HostListing,
    of = host,
  }: { shape?: typeof HostListing | typeof DraftState; of?: ScriptedHost } = {},
) {
  const reply = await request(answer, { of });
  return reply.isReached ? await reply.answer.json<unknown>(shape) : reply;
}

describe("an answer that is read whole", () => {
  test("and has no end is left at its bound, and its connection ended", async () => {
    host.sentBytes = 0;
    let isClosed = Promise.resolve();

    const outcome = await read((_request, response) => {
      isClosed = new Promise((resolve) => response.on("close", () => resolve()));
      response.writeHead(200);
      host.endlessly(
        response.on("error", () => undefined),
        Buffer.alloc(16 * KIB, "["),
      );
    });
    await isClosed;

    expect(outcome).toEqual({
      isRead: false,
      why: { code: "host-answer-too-long", params: { max_bytes: 65_536 } },
    });
    // What the kernel takes of a connection comes on top.
    expect(host.sentBytes).toBeLessThan(16 * 1_024 * KIB);
  });

  test("and does not end is given up", async () => {
    const begin: HostAnswers = (_request, response) => void response.writeHead(200).write('{"files":[');
    // Its headers may come late on a busy machine: then they are what is late.
    const outcome = await read(begin, { of: slow });

    expect(outcome).toMatchObject({
      why: { code: expect.stringMatching(/^host-answer-(late|not-begun)$/), params: { seconds: 0.06 } },
    });
  });

  test.each([
    ["nothing", ""],
    ["no JSON", "<html>"],
    ["half of it", '{"files":[],"isMo'],
    ["another thing", '{"freeBytes":1,"hadBytes":0,"isSealed":false}'],
    ["too many names", JSON.stringify({ files: Array.from({ length: 1_001 }, () => FILE), isMore: false })],
    ["a number for a list", '{"files":7,"isMore":false}'],
    ["no text at all", Buffer.of(0xff, 0xfe, 0x00)],
  ])("and is %s is reported as what it is", async (_what, body) => {
    const outcome = await read((_request, response) => void response.writeHead(200).end(body));

    expect(outcome).toEqual({ isRead: false, why: reasonOf("host-answer-unknown") });
  });

  test.each(["-1", "1e999", '"7"', "9007199254740993", "null"])("takes no %s for bytes", async (bytes) => {
    const text = `{"freeBytes":${bytes},"hadBytes":0,"isSealed":false}`;
    const outcome = await read((_request, response) => void response.writeHead(200).end(text), {
      shape: DraftState,
    });

    expect(outcome).toMatchObject({ isRead: false });
  });

  test("and is shorter than its length has broken off", async () => {
    const outcome = await read((_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write('{"files":[],"isMore":false}');
      response.socket?.end();
    });

    expect(outcome).toEqual({ isRead: false, why: reasonOf("host-broke-off") });
  });
});

describe("a host that does not answer", () => {
  test("is given up", async () => {
    expect(await request(() => undefined, { of: slow })).toEqual({
      isReached: false,
      why: { code: "host-answer-not-begun", params: { seconds: 0.06 } },
    });
  });

  test("is waited for longer where it walks through a tree", async () => {
    const question: FileQuestion = { ...LISTING, method: "POST", route: "/draft" };

    expect(await request(() => undefined, { question, of: slow })).toMatchObject({
      why: { params: { seconds: 0.12 } },
    });
  });

  test("nor takes what is brought is given up as well", async () => {
    const body = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(new Uint8Array(256 * KIB)) });

    const outcome = await request(() => undefined, {
      question: { ...LISTING, method: "PUT", body },
      of: slow,
    });

    expect(outcome).toEqual({
      isReached: false,
      why: { code: "host-took-nothing", params: { seconds: 0.5 } },
    });
  });

  test.each([
    ["another protocol", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ["no HTTP", "SSH-2.0-OpenSSH\r\n"],
    ["a header without an end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(64 * KIB)}`],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc"],
  ])("but sends %s was not reached", async (_what, text) => {
    const outcome = await request(({ socket }) => void socket.end(text));

    expect(outcome).toEqual({ isReached: false, why: reasonOf("host-broke-off") });
  });

  test("and has a status that no answer has is reached, and reports so", async () => {
    const outcome = await request(
      ({ socket }) => void socket.end("HTTP/1.1 999 ?\r\ncontent-length: 0\r\n\r\n"),
    );

    expect(outcome).toMatchObject({ isReached: true, answer: { status: 999 } });
  });
});

test("bytes that stop coming fail for whoever reads them", async () => {
  await using silent = await ScriptedHost.open({ silentForMs: 500 });
  const begin: HostAnswers = (_request, response) => void response.writeHead(200).write("begin");
  const reply = await request(begin, { of: silent });
  if (!reply.isReached) throw new Error(inEnglish(reply.why));
  const reader = reply.answer.body.getReader();

  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("begin");
  await expect(reader.read()).rejects.toThrow("nothing came for 0.5 s");
});
