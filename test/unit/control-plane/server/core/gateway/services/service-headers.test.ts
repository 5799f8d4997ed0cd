import type { HeaderMap } from "@remotegpu/control-plane/server/core/gateway/forwarded-headers";
import { SANDBOX } from "@remotegpu/control-plane/server/core/gateway/services/shared-origin";
import { describe, expect, test } from "vitest";
import {
  type Call,
  corsHeaders,
  headersFromReplica,
  headersToReplica,
  isByBrowser,
  preflightHeaders,
  presentedRequestId,
  presentedServiceKey,
} from "@remotegpu/control-plane/server/core/gateway/services/service-headers";

const KEY = `rgs_${"k".repeat(43)}`;
const call: Call = {
  client: { address: "192.0.2.7", scheme: "https", host: "web.example.com" },
  requestId: "r-1",
  keyName: "app",
  prefix: "/services/svc-1",
  byBrowser: false,
};
const to = (headers: Record<string, string>, change: Partial<Call> = {}) =>
  headersToReplica(headers, { ...call, ...change }, { isUpgrade: false });

describe("towards a replica", () => {
  test.each([{ authorization: `Bearer ${KEY}` }, { "x-api-key": KEY }])(
    "a key stays here, and its name goes on",
    (visible) => {
      const sent = to(visible);
      expect(JSON.stringify(sent)).not.toContain(KEY);
      expect(sent["x-remotegpu-key"]).toBe("app");
    },
  );

  test("nobody claims the name of a key, the place or the client", () => {
    const sent = to(
      { "x-remotegpu-key": "admin", "x-forwarded-prefix": "/x", "x-forwarded-for": "1.2.3.4" },
      { keyName: null },
    );
    expect(sent["x-remotegpu-key"]).toBeUndefined();
    expect(sent).toMatchObject({
      "x-forwarded-prefix": "/services/svc-1",
      "x-forwarded-for": "192.0.2.7",
      "x-request-id": "r-1",
    });
  });

  test("the replica's own credentials go on", () => {
    expect(to({ authorization: "Bearer sk-own" })["authorization"]).toBe("Bearer sk-own");
  });

  test("cookies go on only where the origin is the service's own", () => {
    expect(to({ cookie: "a=1" })["cookie"]).toBeUndefined();
    const own = to({ cookie: "a=1; remotegpu_session=rgb_x" }, { prefix: null });
    expect(own["cookie"]).toBe("a=1");
    expect(own["x-forwarded-prefix"]).toBeUndefined();
  });
});

describe("towards the client", () => {
  const output = {
    "set-cookie": ["a=1"],
    "service-worker-allowed": "/",
    "clear-site-data": '"*"',
    etag: "x",
  };

  test("what speaks for an origin that others share ends here", () => {
    expect(headersFromReplica(output, call, null)).toEqual({
      etag: "x",
      "x-request-id": "r-1",
      "content-security-policy": SANDBOX,
    });
    expect(headersFromReplica(output, { ...call, prefix: null }, null)).toMatchObject({
      "set-cookie": ["a=1"],
      "clear-site-data": '"*"',
    });
  });

  test("who may send requests from other pages is set by the service's config alone", () => {
    const cors = corsHeaders({ origin: "https://app.example" }, ["https://app.example"]);
    const reported = headersFromReplica({ "access-control-allow-origin": "*", vary: "Accept" }, call, cors);
    expect(reported).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      vary: "Accept, Origin",
    });
  });
});

describe("an answer at an origin that others share", () => {
  const CSP = "content-security-policy";

  test.each<[string, HeaderMap, string | string[]]>([
    ["says nothing itself", {}, SANDBOX],
    ["has a policy of its own", { [CSP]: "default-src 'self'" }, [SANDBOX, "default-src 'self'"]],
    [
      "would let itself out",
      { [CSP]: "sandbox allow-same-origin allow-scripts" },
      [SANDBOX, "sandbox allow-same-origin allow-scripts"],
    ],
    ["says several", { [CSP]: ["a 'none'", "b 'none'"] }, [SANDBOX, "a 'none'", "b 'none'"]],
    ["has one of other bytes", { [CSP]: ["sandbox \u00e9", "img-src\u0000 *"] }, SANDBOX],
    ["names ours as of its connection alone", { connection: `${CSP}, close`, [CSP]: "x" }, SANDBOX],
  ])("is sandboxed where the replica %s", (_what, headers, policy) => {
    expect(headersFromReplica(headers, call, null)[CSP]).toEqual(policy);
  });

  test("is what the replica sends where it has a name of its own", () => {
    const reported = headersFromReplica({ [CSP]: "x" }, { ...call, prefix: null }, null);
    expect(reported[CSP]).toBe("x");
  });

  test("never lets a page be of the origin itself", () => {
    expect(SANDBOX).not.toContain("allow-same-origin");
  });

  test("has no parts with headers of their own for a browser", () => {
    const headers = { "content-type": " Multipart/X-Mixed-Replace; boundary=a" };
    expect(headersFromReplica(headers, call, null)).toMatchObject(headers);
    const reported = headersFromReplica(headers, { ...call, byBrowser: true }, null);
    expect(reported["content-type"]).toBe("application/octet-stream");
  });
});

describe("pages of other origins", () => {
  test("are let in as the config allows", () => {
    expect(corsHeaders({ origin: "https://evil.example" }, ["https://app.example"])).toBeNull();
    expect(corsHeaders({}, ["*"])).toBeNull();
    expect(corsHeaders({ origin: "null" }, ["*"])?.["access-control-allow-origin"]).toBe("*");
  });

  test("send preflights without a key, and only where they may", () => {
    const requested = {
      origin: "https://app.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    };
    expect(preflightHeaders("OPTIONS", requested, ["https://app.example"])).toMatchObject({
      "access-control-allow-origin": "https://app.example",
      "access-control-allow-headers": "authorization",
    });
    expect(preflightHeaders("OPTIONS", requested, [])).toBeNull();
    expect(preflightHeaders("GET", requested, ["*"])).toBeNull();
    expect(preflightHeaders("OPTIONS", { origin: "https://app.example" }, ["*"])).toBeNull();
  });
});

test.each([
  [{ authorization: `Bearer ${KEY}` }, KEY],
  [{ authorization: `bearer ${KEY}` }, KEY],
  [{ "x-api-key": KEY }, KEY],
  [{ authorization: `Bearer rgk_${"a".repeat(43)}` }, `rgk_${"a".repeat(43)}`],
  [{ authorization: "Bearer sk-own", "x-api-key": KEY }, KEY],
  [{ authorization: "Bearer sk-own" }, null],
  [{ authorization: `Bearer ${KEY}x` }, null],
  [{ authorization: `Basic ${KEY}` }, null],
  [{}, null],
])("of %o the key is %o", (headers, key) => {
  expect(presentedServiceKey(headers)).toBe(key);
});

test.each([
  [{ "sec-fetch-dest": "document" }, true],
  [{ "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:60.0) Gecko/20100101 Firefox/60.0" }, true],
  [{ "user-agent": "curl/8.14.1 (like Mozilla/5.0)" }, false],
  [{}, false],
])("of %o a browser is the client: %o", (headers, byBrowser) => {
  expect(isByBrowser(headers)).toBe(byBrowser);
});

test.each([
  ["abc-1", "abc-1"],
  ["", null],
  ["a b", null],
  ["x".repeat(129), null],
  ["a\u0001", null],
])("the id %o goes on as %o", (id, reported) => {
  expect(presentedRequestId({ "x-request-id": id })).toBe(reported);
});
