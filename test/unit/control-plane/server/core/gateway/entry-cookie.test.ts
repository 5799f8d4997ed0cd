import { expect, test } from "vitest";
import {
  claimText,
  ofOwnOrigin,
  readCookieValue,
  withoutOwnCookie,
} from "@remotegpu/control-plane/server/core/gateway/entry-cookie";

const SEAL = "s".repeat(43);
const expiresAt = new Date("2026-01-01T00:00:00Z");

test.each([
  { kind: "person", customerId: 12, keyId: 345 },
  { kind: "share", shareId: 7 },
] as const)("what the cookie of %j contains is read back", (entry) => {
  const text = claimText({ entry, expiresAt });

  expect(readCookieValue(`${text}.${SEAL}`)).toEqual({ text, claim: { entry, expiresAt }, seal: SEAL });
});

test.each(["", "k.1.2.3", `k.1.2.${SEAL}`, `s.1.2.3.${SEAL}`, `x.1.2.${SEAL}`, `k.-1.2.3.${SEAL}`])(
  "%j is none of ours",
  (value) => {
    expect(readCookieValue(value)).toBeNull();
  },
);

test.each([
  ["remotegpu=x", null],
  ["a=1; remotegpu=x; b=2", "a=1; b=2"],
  ["__Host-remotegpu=x;a=1", "a=1"],
  ["__HOST-RemoteGPU=x", null],
  ["remotegpu2=x", "remotegpu2=x"],
  ["flag; remotegpu=1", "flag"],
  ["remotegpu_session=rgb_x; a=1", "a=1"],
  ["__Host-remotegpu_session=rgb_x", null],
  ["a=1; __HOST-RemoteGPU_Session=rgb_x; remotegpu_sessions=2", "a=1; remotegpu_sessions=2"],
])("of %j a container sees %j", (header, seen) => {
  expect(withoutOwnCookie(header)).toBe(seen);
});

test.each([
  ["a=1; Domain=example.com; Path=/", "a=1; Path=/"],
  ["a=1;domain=.example.com", "a=1"],
  ["a=1; DOMAIN ; Secure", "a=1; Secure"],
  ["a=domain=x; Path=/", "a=domain=x; Path=/"],
  ["remotegpu=1", null],
  [" __Host-remotegpu =1; Secure", null],
  ["=remotegpu=1", null],
  ["remotegpu_session=rgb_x; Path=/", null],
  [" =__Host-remotegpu_session=rgb_x; Secure; Path=/", null],
  [" = a=1", " = a=1"],
])("the Set-Cookie %j comes through as %j", (header, passed) => {
  expect(ofOwnOrigin(header)).toBe(passed);
});
