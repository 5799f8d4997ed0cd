/** What sshd says of logins, and what others say in its place. */
import { expect, test } from "vitest";
import { loginIn } from "@remotegpu/agent/core/access/login-line";

const FINGERPRINT = `SHA256:${"aB3+/".repeat(8)}xyz`;

test("a login by key has its fingerprint, one by password has none", () => {
  expect(
    loginIn(`Accepted publickey for root from 127.0.0.1 port 40001 ssh2: ED25519 ${FINGERPRINT}`),
  ).toEqual({ port: 40_001, login: { method: "publickey", fingerprint: FINGERPRINT } });
  expect(loginIn("Accepted password for root from 127.0.0.1 port 1 ssh2")).toEqual({
    port: 1,
    login: { method: "password", fingerprint: null },
  });
  expect(loginIn("Accepted keyboard-interactive/pam for root from 127.0.0.1 port 65535 ssh2")).toEqual({
    port: 65_535,
    login: { method: "other", fingerprint: null },
  });
});

test("one of whom only keys count is distinguished, as its port may be in use on both addresses", () => {
  expect(
    loginIn(`Accepted publickey for root from 127.0.0.2 port 40001 ssh2: ED25519 ${FINGERPRINT}`),
  ).toEqual({ port: 40_001, isKeysOnly: true, login: { method: "publickey", fingerprint: FINGERPRINT } });
});

test.each([
  [
    "a further address of the loopback",
    `Accepted publickey for root from 127.0.0.3 port 4 ssh2: ED25519 ${FINGERPRINT}`,
  ],
  ["another address", `Accepted publickey for root from 10.0.0.1 port 4 ssh2: ED25519 ${FINGERPRINT}`],
  ["a refusal", "Failed password for root from 127.0.0.1 port 40001 ssh2"],
  ["a key without its fingerprint", "Accepted publickey for root from 127.0.0.1 port 40001 ssh2"],
  ["another hash", "Accepted publickey for root from 127.0.0.1 port 4 ssh2: RSA MD5:aa:bb"],
  [
    "a fingerprint of another length",
    `Accepted publickey for r from 127.0.0.1 port 4 ssh2: RSA ${FINGERPRINT}x`,
  ],
  ["a port that is none", "Accepted password for root from 127.0.0.1 port 65536 ssh2"],
  ["port 0", "Accepted password for root from 127.0.0.1 port 0 ssh2"],
  ["something before it", "x Accepted password for root from 127.0.0.1 port 7 ssh2"],
  ["something after it", "Accepted password for root from 127.0.0.1 port 7 ssh2 x"],
  ["two lines", "Accepted password for root from 127.0.0.1 port 7 ssh2\nAccepted"],
  ["a user of absurd size", `Accepted password for ${"r".repeat(65)} from 127.0.0.1 port 7 ssh2`],
  ["nothing", ""],
])("%s is no login", (_what, line) => {
  expect(loginIn(line)).toBeNull();
});
