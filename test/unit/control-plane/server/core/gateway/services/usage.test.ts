import { describe, expect, test } from "vitest";
import {
  isOpenAiPath,
  readUsage,
  usageFormOf,
} from "@remotegpu/control-plane/server/core/gateway/services/usage";
import { BodyTail } from "@remotegpu/control-plane/gateway/load-balancer/body-tail";

const USAGE = { prompt_tokens: 12, completion_tokens: 34, total_tokens: 46 };
const REPORTED = { prompt: 12, completion: 34 };
const ANSWER = JSON.stringify({
  id: "chatcmpl-1",
  choices: [{ message: { content: 'Größe "usage": {"prompt_tokens": 1} \\"usage\\" } ]' } }],
  usage: { ...USAGE, prompt_tokens_details: { cached_tokens: 3, note: '"usage"' } },
  system_fingerprint: "fp",
});
const bytes = (text: string) => Buffer.from(text).toString("latin1");

describe("of an answer in JSON", () => {
  test("the usage is read wherever its beginning is cut off", () => {
    const end = bytes(ANSWER);
    const key = end.lastIndexOf('"usage":{"prompt_tokens":12');
    for (let from = 0; from <= end.length; from += 1) {
      const reported = readUsage("json", end.slice(from), from === 0);
      expect(reported, `cut at ${from}`).toEqual(from < key ? REPORTED : null);
    }
  });

  test("none is read of one that broke off, wherever", () => {
    const end = bytes(ANSWER);
    for (let to = 0; to < end.length; to += 1)
      expect(readUsage("json", end.slice(0, to), true), `ends at ${to}`).toBeNull();
  });

  test.each([
    ["the whole body", { usage: USAGE }, REPORTED],
    [
      "embeddings, which complete nothing",
      { data: [], usage: { prompt_tokens: 8, total_tokens: 8 } },
      { prompt: 8, completion: 0 },
    ],
    ["responses", { usage: { input_tokens: 1, output_tokens: 2 } }, { prompt: 1, completion: 2 }],
    ["zero of each", { usage: { prompt_tokens: 0, completion_tokens: 0 } }, { prompt: 0, completion: 0 }],
    ["spaces and lines", JSON.stringify({ a: [1, { usage: 2 }], usage: USAGE, b: {} }, null, 2), REPORTED],
    [
      "the last of two",
      `{"usage":{"prompt_tokens":1,"completion_tokens":1},"usage":${JSON.stringify(USAGE)}}`,
      REPORTED,
    ],
    [
      "the outermost, with others behind it",
      { usage: USAGE, choices: [{ usage: { prompt_tokens: 9, completion_tokens: 9 } }] },
      REPORTED,
    ],
  ])("%s is read", (_what, body, reported) => {
    expect(readUsage("json", typeof body === "string" ? body : JSON.stringify(body), true)).toEqual(reported);
  });

  test.each([
    ["none", "{}"],
    ["nothing", ""],
    ["null", '{"usage":null}'],
    ["a text", '{"usage":"12"}'],
    ["a list", '{"usage":[12,34]}'],
    ["the word alone", '{"a":"usage"}'],
    ["one in a list", `[{"usage":${JSON.stringify(USAGE)}}]`],
    ["one further in", `{"a":{"usage":${JSON.stringify(USAGE)}}}`],
    ["one in a text", JSON.stringify({ text: JSON.stringify({ usage: USAGE }) })],
    ["one in a text that is all", JSON.stringify(JSON.stringify({ usage: USAGE }))],
    ["a key that ends so", `{"a\\"usage":${JSON.stringify(USAGE)}}`],
    ["something behind it", `{"usage":${JSON.stringify(USAGE)}} {}`],
    ["what is no JSON", '{"usage":{prompt_tokens:1}}'],
    ["one that is negative", '{"usage":{"prompt_tokens":-1,"completion_tokens":2}}'],
    ["a part of one", '{"usage":{"prompt_tokens":1.5,"completion_tokens":2}}'],
    ["a number in a text", '{"usage":{"prompt_tokens":"1","completion_tokens":2}}'],
    ["one too large to be meant", '{"usage":{"prompt_tokens":1000000001,"completion_tokens":2}}'],
    ["one beyond all numbers", '{"usage":{"prompt_tokens":1e999,"completion_tokens":2}}'],
    ["completion alone", '{"usage":{"completion_tokens":2}}'],
    ["brackets without end", `{"usage":${"[".repeat(60_000)}`],
    ["the word without end", '"usage":'.repeat(8_000)],
  ])("%s reports nothing", (_what, body) => {
    expect(readUsage("json", body, true)).toBeNull();
  });
});

describe("of a stream", () => {
  const event = (data: unknown) => `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;
  const piece = event({ choices: [{ delta: { content: "a" } }], usage: null });
  const last = event({ choices: [], usage: USAGE });
  const whole = `${piece.repeat(20)}${last}${event("[DONE]")}`;

  test("the last event that reports it is read, wherever the beginning is cut off", () => {
    const from = whole.indexOf(last);
    for (let cut = from - 60; cut < whole.length; cut += 1)
      // What is cut may begin with the end of an event before, and the first is not trusted.
      expect(readUsage("stream", whole.slice(cut), false), `cut at ${cut}`).toEqual(
        cut <= from - 2 ? REPORTED : null,
      );
  });

  test.each([
    ["lines that end otherwise", whole.replaceAll("\n", "\r\n"), REPORTED],
    ["no end line", `${piece}${last.trimEnd()}`, REPORTED],
    [
      "data on several lines",
      'event: x\ndata: {"usage":\ndata: {"prompt_tokens":12,"completion_tokens":34}}\n\n',
      REPORTED,
    ],
    ["a count that goes on", event({ usage: { prompt_tokens: 1, completion_tokens: 1 } }) + last, REPORTED],
    ["no usage, since none was requested", piece.repeat(3) + event("[DONE]"), null],
    ["a lie after the truth", last + event({ usage: { prompt_tokens: -1 } }), null],
    ["the usage too long ago", last + piece.repeat(20), null],
    ["nothing", "", null],
    ["no events", "usage", null],
  ])("%s", (_what, body, reported) => {
    expect(readUsage("stream", body, true)).toEqual(reported);
  });
});

test.each([
  [{ "content-type": "application/json; charset=utf-8" }, "json"],
  [{ "content-type": "Application/JSON", "content-encoding": "identity" }, "json"],
  [{ "content-type": "text/event-stream" }, "stream"],
  [{ "content-type": "application/json", "content-encoding": "gzip" }, null],
  [{ "content-type": "text/plain" }, null],
  [{}, null],
])("a body of %j is read as %s", (headers, form) => {
  expect(usageFormOf(headers)).toBe(form);
});

test.each([
  ["/v1/chat/completions", true],
  ["/services/svc-1/v1/completions?x=1", true],
  ["/v1/embeddings/", true],
  ["/v1/responses", true],
  ["/v1/models", false],
  ["/completions.html", false],
  ["/?next=/v1/completions", false],
])("that tokens are reported is expected of %s: %s", (path, isExpected) => {
  expect(isOpenAiPath(path)).toBe(isExpected);
});

describe("the end of a body", () => {
  test.each([1, 2, 3, 7, 1_000])("in pieces of %i bytes is the same", (size) => {
    const body = Buffer.from(ANSWER);
    const tail = new BodyTail(200);
    for (let from = 0; from < body.length; from += size) tail.add(body.subarray(from, from + size));
    const { end, isAll } = tail.read();
    expect([end, isAll]).toEqual([bytes(ANSWER).slice(-200), false]);
    expect(readUsage("json", end, isAll)).toEqual(REPORTED);
  });

  test.each([
    [299, true],
    [300, true],
    [301, false],
  ])("of %i bytes is all of it: %s", (length, isAll) => {
    const tail = new BodyTail(300);
    tail.add(Buffer.alloc(length - 1));
    tail.add(Buffer.alloc(1));
    expect(tail.read()).toEqual({ end: "\0".repeat(Math.min(300, length)), isAll });
  });

  test("keeps no more pieces than it needs", () => {
    const tail = new BodyTail(10);
    for (let piece = 0; piece < 1_000; piece += 1) tail.add(Buffer.from(String(piece % 10)));
    expect(tail.read()).toEqual({ end: "0123456789", isAll: false });
  });
});
