import { expect, test } from "vitest";
import {
  originOf,
  ownOrigin,
  readHost,
  webBaseFrom,
  webBaseOf,
  webBaseText,
  type WebBase,
} from "@remotegpu/control-plane/server/core/gateway/origin";
import { sha256 } from "@remotegpu/shared/proof/row-hash";

const WEB: WebBase = { scheme: "https", domain: "web.example.com" };
const LOCAL: WebBase = { scheme: "http", domain: "localhost:8443" };

test.each([
  ["web.example.com", false, "https://web.example.com"],
  ["Web.Example.COM", false, "https://web.example.com"],
  ["web.example.com:8443", false, "https://web.example.com:8443"],
  ["web.example.com:443", false, "https://web.example.com"],
  ["localhost:8443", false, "http://localhost:8443"],
  ["a.localhost", false, "http://a.localhost"],
  ["localhost:8443", true, "https://localhost:8443"],
])("the domain %s with a certificate: %s is %s", (text, hasCertificate, expected) => {
  const base = webBaseOf(text, { hasCertificate });

  expect(base && webBaseText(base)).toBe(expected);
  expect(webBaseFrom(expected)).toEqual(base);
});

test.each([
  [LOCAL, "http://127.0.0.1:8443"],
  [{ scheme: "http", domain: "localhost" }, "http://127.0.0.1"],
  [{ scheme: "http", domain: "web.localhost:8443" }, "http://web.localhost:8443"],
  [{ scheme: "https", domain: "localhost:8443" }, "https://localhost:8443"],
  [WEB, "https://web.example.com"],
] as const)(
  "services of a gateway at %j lie below %s, apart from a dashboard at localhost",
  (base, origin) => {
    expect(ownOrigin(base)).toBe(origin);
  },
);

test.each(["", "example.com", "ftp://example.com", "https://example.com/"])("%j is no base", (text) => {
  expect(webBaseFrom(text)).toBeNull();
});

test.each(["", ".example.com", "a..b", "example.com/", "http://a", "a b", "a:0", "a:123456", "-"])(
  "%j is no domain",
  (text) => {
    expect(webBaseOf(text, { hasCertificate: false })).toBeNull();
  },
);

const LONG = `env-${"a".repeat(60)}`;
const hashOf = (id: string) => sha256(id).slice(0, 20);

test.each([
  ["env-1", 8000, "https://8000-env-1.web.example.com"],
  ["env-1", "jupyter", "https://jupyter-env-1.web.example.com"],
  // No DNS label: a capital, a sign, too long for one, a dash at its end, and what a hash would look like.
  ["Env-1", 80, `https://80-x${hashOf("Env-1")}.web.example.com`],
  ["env_1", 80, `https://80-x${hashOf("env_1")}.web.example.com`],
  [LONG, 80, `https://80-x${hashOf(LONG)}.web.example.com`],
  ["env-", 80, `https://80-x${hashOf("env-")}.web.example.com`],
  [`x${"0".repeat(20)}`, 80, `https://80-x${hashOf(`x${"0".repeat(20)}`)}.web.example.com`],
] as const)("the origin of %s, %s is %s, and is read back", (id, target, origin) => {
  expect(originOf(WEB, id, target)).toBe(origin);

  const host = new URL(origin).host;
  const read = readHost(WEB, host);
  const isHashed = host.includes("-x");
  expect(read).toEqual({
    kind: "origin",
    host,
    target,
    environment: isHashed ? { hash: hashOf(id) } : { id },
  });
});

test("a label of 63 characters stands as it is, one of 64 by its hash", () => {
  const id = "a".repeat(60);
  expect(originOf(WEB, id, 80)).toBe(`https://80-${id}.web.example.com`);
  expect(originOf(WEB, `${id}a`, 80)).toContain("80-x");
});

test.each([
  [WEB, "web.example.com", "bare"],
  [WEB, "WEB.example.com:443", "bare"],
  [WEB, "8000-ENV-1.web.example.com", "origin"],
  [WEB, "8000-env-1.web.example.com:443", "origin"],
  [WEB, "8000-env-1.web.example.com:8443", null],
  [WEB, "8000-env-1.web.example.com.", null],
  [WEB, "8000-env-1.evil.example.com", null],
  [WEB, "8000-env-1.evilweb.example.com", null],
  [WEB, "0-env-1.web.example.com", null],
  [WEB, "ssh-env-1.web.example.com", null],
  [WEB, "8000.web.example.com", null],
  [WEB, "a.8000-env-1.web.example.com", null],
  [LOCAL, "localhost:8443", "bare"],
  [LOCAL, "127.0.0.1:8443", "bare"],
  [LOCAL, "127.0.0.1:8080", null],
  [LOCAL, "8000-env-1.127.0.0.1:8443", null],
  [{ scheme: "https", domain: "localhost:8443" }, "127.0.0.1:8443", null],
  [LOCAL, "8000-env-1.localhost:8443", "origin"],
  [LOCAL, "8000-env-1.localhost", null],
  [null, "anything", "bare"],
] as const)("below %j the host %s is %s", (base, host, kind) => {
  expect(readHost(base, host)?.kind ?? null).toBe(kind);
});
