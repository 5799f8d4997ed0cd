/** What of an answer's head a probe reads. */
import { expect, test } from "vitest";
import { headOf, MAX_HEAD_BYTES, type Head } from "@remotegpu/agent/core/probes/answer-head";

const status = (code: number): Head => ({ kind: "status", status: code });
const INCOMPLETE: Head = { kind: "incomplete" };
const NO_HTTP: Head = { kind: "no-http" };

test.each<[string, string, Head]>([
  ["nothing yet", "", INCOMPLETE],
  ["a beginning", "HT", INCOMPLETE],
  ["a status without the rest of its head", "HTTP/1.1 200 OK\r\nServer: x\r\n", INCOMPLETE],
  ["a whole head", "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n", status(200)],
  ["a head with a body behind it", "HTTP/1.0 503 Oh no\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", status(503)],
  ["a status without a word", "HTTP/1.1 204\r\n\r\n", status(204)],
  ["lines that end as on Unix", "HTTP/1.1 200 OK\nServer: x\n\n", status(200)],
  ["an interim answer alone", "HTTP/1.1 100 Continue\r\n\r\n", INCOMPLETE],
  [
    "an interim answer before the real one",
    "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n\r\n",
    status(404),
  ],
  [
    "another protocol from here on",
    "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    status(101),
  ],
  ["another program's greeting", "SSH-2.0", NO_HTTP],
  ["empty lines first", "\r\n", NO_HTTP],
  ["HTTP/2", "HTTP/2 200\r\n\r\n", NO_HTTP],
  ["no number", "HTTP/1.1 OK\r\n\r\n", NO_HTTP],
  ["a number of no status", "HTTP/1.1 099 \r\n\r\n", NO_HTTP],
  ["a number that goes on", "HTTP/1.1 2000 OK\r\n\r\n", NO_HTTP],
  ["garbage behind an interim answer", "HTTP/1.1 100 Continue\r\n\r\nno", NO_HTTP],
  ["a status hidden in a header", "HTTP/1.1 x\r\nHTTP/1.1 200 OK\r\n\r\n", NO_HTTP],
])("%s", (_what, text, head) => {
  expect(headOf(text)).toEqual(head);
});

test("a head is as long as its bound at most, interim answers included", () => {
  const begun = "HTTP/1.1 200 OK\r\n".padEnd(MAX_HEAD_BYTES, "x");
  const interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_HEAD_BYTES / 20);

  expect(headOf(begun)).toEqual(INCOMPLETE);
  expect(headOf(`${begun}x`)).toEqual({ kind: "endless-head" });
  expect(headOf(interim)).toEqual({ kind: "endless-head" });
});
