import { expect, test } from "vitest";
import {
  headersFromContainer,
  headersToContainer,
  type HeaderMap,
  passedTrailers,
  presentedKey,
} from "@remotegpu/control-plane/server/core/gateway/forwarded-headers";

const KEY = `rgk_${"k".repeat(43)}`;
const CLIENT = { address: "1.2.3.4", scheme: "https", host: "8000-env-1.web.example.com" } as const;
const plain = { isUpgrade: false, injected: {} };
const OURS = {
  "x-forwarded-for": "1.2.3.4",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "8000-env-1.web.example.com",
};

test.each([
  [{ authorization: `Bearer ${KEY}` }, KEY],
  [{ authorization: `bearer  ${KEY}` }, KEY],
  [{ "x-api-key": KEY }, KEY],
  [{ authorization: "Bearer other", "x-api-key": KEY }, KEY],
  [{ authorization: "Bearer other" }, null],
  [{ authorization: `Bearer ${KEY}x` }, null],
  [{ "x-api-key": "own" }, null],
  [{}, null],
])("%j shows the key %s", (headers, key) => {
  expect(presentedKey(headers)).toBe(key);
});

test.each<[string, HeaderMap, HeaderMap]>([
  ["what is plain passes", { accept: "*/*", host: "h" }, { accept: "*/*", host: "h" }],
  ["a key of ours does not", { authorization: `Bearer ${KEY}`, "x-api-key": KEY }, {}],
  ["nor one that is broken", { authorization: "Bearer rgk_x", "x-api-key": "rgk_x" }, {}],
  [
    "others do",
    { authorization: "Basic x", "x-api-key": "y" },
    { authorization: "Basic x", "x-api-key": "y" },
  ],
  ["our cookie does not", { cookie: "remotegpu=1; a=2" }, { cookie: "a=2" }],
  ["nor is its header left empty", { cookie: "remotegpu=1" }, {}],
  [
    "the client's address is nobody else's word",
    { forwarded: "x", "x-forwarded-for": "9.9.9.9", "x-real-ip": "9" },
    {},
  ],
  [
    "what is of one connection ends here",
    {
      connection: "close, X-Mine",
      "x-mine": "1",
      te: "trailers",
      "proxy-authorization": "p",
      upgrade: "h2c",
    },
    {},
  ],
  [
    "a body's end is never forgotten",
    { connection: "transfer-encoding, content-length, host", "transfer-encoding": "chunked", host: "h" },
    { "transfer-encoding": "chunked", host: "h" },
  ],
  ["Expect was answered", { expect: "100-continue" }, {}],
])("%s", (_what, sent, seen) => {
  expect(headersToContainer(sent, CLIENT, plain)).toEqual({ ...seen, ...OURS });
});

test("a WebSocket keeps its upgrade, and what is injected wins", () => {
  const seen = headersToContainer(
    { connection: "Upgrade", upgrade: "websocket", authorization: "Bearer mine" },
    CLIENT,
    { isUpgrade: true, injected: { Authorization: "token secret" } },
  );

  expect(seen).toEqual({
    ...OURS,
    connection: "Upgrade",
    upgrade: "websocket",
    authorization: "token secret",
  });
});

test.each<[string, HeaderMap, HeaderMap]>([
  ["what is plain passes", { etag: "1", "content-length": "3" }, { etag: "1", "content-length": "3" }],
  [
    "cookies stay on the origin",
    { "set-cookie": ["a=1; Domain=b", "remotegpu=1"] },
    { "set-cookie": ["a=1"] },
  ],
  ["none is none", { "set-cookie": ["remotegpu=1"] }, {}],
  ["the encoding is the next connection's own", { "transfer-encoding": "chunked", connection: "close" }, {}],
  ["what is of one connection ends here", { connection: ["close", "X-Hop"], "x-hop": "1" }, {}],
  ["what is said twice stays so", { link: ["<a>", "<b>"] }, { link: ["<a>", "<b>"] }],
  ["nobody is led around us", { "alt-svc": 'h2=":1"' }, {}],
  ["trailers are announced", { trailer: "X-Sum" }, { trailer: "X-Sum" }],
])("of an answer %s", (_what, came, passed) => {
  expect(headersFromContainer(came)).toEqual(passed);
});

test("trailers are what reports a sum or a state, and nothing that would change how the answer is taken", () => {
  const refused = [
    "Set-Cookie",
    "Content-Security-Policy",
    "Content-Security-Policy-Report-Only",
    "Access-Control-Allow-Origin",
    "Clear-Site-Data",
    "Strict-Transport-Security",
    "Location",
    "Cache-Control",
    "Vary",
    "WWW-Authenticate",
    "X-Frame-Options",
    "Cross-Origin-Opener-Policy",
    "X-RemoteGPU-Key",
    "Content-Length",
    "Transfer-Encoding",
  ];
  const passed = { "Grpc-Status": "0", "Server-Timing": "a", "Content-Digest": "sha-256=:x:", "X-Sum": "42" };

  expect(passedTrailers({ ...passed, ...Object.fromEntries(refused.map((name) => [name, "x"])) })).toEqual(
    passed,
  );
  expect(passedTrailers({ "Set-Cookie": "a=1" })).toBeNull();
});
