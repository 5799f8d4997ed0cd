import { expect, test } from "vitest";
import { readForm, type RequestHead } from "@remotegpu/control-plane/server/core/gateway/request-form";

const head = (change: Partial<RequestHead> = {}, ...headers: string[]): RequestHead => ({
  method: "GET",
  url: "/a?b",
  httpVersion: "1.1",
  rawHeaders: ["Host", "a.example", ...headers],
  ...change,
});
const statusOf = (form: ReturnType<typeof readForm>) => (form.isSound ? null : form.status);

test.each([
  ["/a?b", "/a?b"],
  ["//evil.example/", "//evil.example/"],
  ["http://A.example/a?b", "/a?b"],
  ["https://a.example", "/"],
  ["http://a.example?x", "/?x"],
])("requested as %s it is the path %s", (url, path) => {
  expect(readForm(head({ url }))).toEqual({ isSound: true, host: "a.example", path });
});

test.each([
  ["another host's whole address", head({ url: "http://b.example/" })],
  ["somebody's name in it", head({ url: "http://x@a.example/" })],
  ["the star", head({ url: "*", method: "OPTIONS" })],
  ["no path", head({ url: "a.example:80" })],
  ["a scheme that is none", head({ url: "file:///etc/passwd" })],
  ["two hosts", head({}, "host", "b.example")],
  ["no host", head({ rawHeaders: [] })],
  ["an empty host", head({ rawHeaders: ["Host", ""] })],
  ["two lengths", head({}, "Content-Length", "1", "content-length", "1")],
  ["length and encoding", head({}, "Content-Length", "1", "Transfer-Encoding", "chunked")],
  ["an encoding in HTTP/1.0", head({ httpVersion: "1.0" }, "Transfer-Encoding", "chunked")],
])("%s is refused as malformed", (_what, request) => {
  expect(statusOf(readForm(request))).toBe(400);
});

test("a WebSocket is a GET without a body", () => {
  const socket = { isSocket: true };

  expect(statusOf(readForm(head(socket)))).toBeNull();
  expect(statusOf(readForm(head(socket, "Content-Length", "0")))).toBeNull();
  expect(statusOf(readForm(head({ ...socket, method: "POST" })))).toBe(400);
  expect(statusOf(readForm(head(socket, "Content-Length", "3")))).toBe(400);
  expect(statusOf(readForm(head(socket, "Transfer-Encoding", "chunked")))).toBe(400);
});

test.each([["gzip, chunked"], ["xchunked"], ["identity"]])("the encoding %s is not known", (encoding) => {
  expect(statusOf(readForm(head({}, "Transfer-Encoding", encoding)))).toBe(501);
});

test("chunked is, once", () => {
  expect(statusOf(readForm(head({}, "Transfer-Encoding", "Chunked")))).toBeNull();
  expect(statusOf(readForm(head({}, "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked")))).toBe(
    501,
  );
});

test.each(["CONNECT", "TRACE"])("%s is not answered", (method) => {
  expect(statusOf(readForm(head({ method })))).toBe(405);
});

test("200 headers are let through, 201 not", () => {
  const more = (count: number) => Array.from({ length: count * 2 }, (_, n) => `x-${n}`);

  expect(statusOf(readForm(head({}, ...more(199))))).toBeNull();
  expect(statusOf(readForm(head({}, ...more(200))))).toBe(431);
});
