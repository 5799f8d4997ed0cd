/** What the kernel's answers to the canary's attempts mean. */
import { expect, test } from "vitest";
import {
  ATTEMPTS,
  connectionVerdict,
  neighbourVerdict,
  verdictOf,
} from "@remotegpu/agent/core/canary/attempts";

const attempt = (name: string) => {
  const found = ATTEMPTS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no attempt ${name}`);
  return found;
};

test.each<[attempt: string, answer: string, error: number, verdict: string]>([
  ["mount-tmpfs", "let through", 0, "succeeded"],
  ["mount-tmpfs", "EPERM", 1, "refused"],
  ["mount-tmpfs", "EBUSY: the right was there, and something else was not", 16, "unclear"],
  ["mount-tmpfs", "ENOENT: there was nothing to mount on", 2, "unclear"],
  ["add-key", "ENOSYS: the profile hides the call", 38, "refused"],
  ["open-host-path", "ENOENT: it is not there", 2, "refused"],
  ["open-host-path", "ELOOP", 40, "unclear"],
  ["write-toolbox", "EROFS", 30, "refused"],
  ["write-toolbox", "ENOENT: there is no toolbox", 2, "unclear"],
  ["write-toolbox", "let through", 0, "succeeded"],
  ["signal-outside", "ESRCH: its namespace does not have it", 3, "refused"],
  ["trace-first-process", "ESRCH: a first process there is always", 3, "unclear"],
  ["read-outside-memory", "EFAULT: the right was there, the address was not", 14, "succeeded"],
  ["load-module", "ENOEXEC: the right was there, the module was none", 8, "succeeded"],
  ["reboot", "EINVAL: the right was there, the command was none", 22, "succeeded"],
  ["open-by-handle", "ESTALE: the right was there, the file was not", 116, "succeeded"],
  ["open-by-handle", "EOPNOTSUPP", 95, "unclear"],
  ["read-keyring", "ENOKEY: the right was there, the keyring was not", 126, "succeeded"],
  ["read-kernel-memory", "ENODATA: its mask is empty", 61, "refused"],
])("%s, answered with %s, is %s", (name, _answer, error, verdict) => {
  expect(verdictOf(attempt(name), error)).toBe(verdict);
});

test("every attempt has a name of its own, and is refused by the plain word of the kernel", () => {
  expect(new Set(ATTEMPTS.map(({ name }) => name)).size).toBe(ATTEMPTS.length);
  expect(ATTEMPTS.map((each) => verdictOf(each, 1))).toEqual(ATTEMPTS.map(() => "refused"));
  expect(ATTEMPTS.map((each) => verdictOf(each, 0))).toEqual(ATTEMPTS.map(() => "succeeded"));
});

test.each([
  ["made", 0, "succeeded"],
  ["never answered", 110, "refused"],
  ["without an access method", 101, "refused"],
  ["to nobody there", 113, "refused"],
  ["refused by the other side, or by a firewall in its name", 111, "unclear"],
])("a connection %s is %s", (_what, error, verdict) => {
  expect(connectionVerdict(error)).toBe(verdict);
});

test.each([
  ["made", { error: 0, strayError: 110 }, "succeeded"],
  ["refused by the container itself: nobody answers beside it", { error: 111, strayError: 113 }, "succeeded"],
  ["refused in the name of all its network", { error: 111, strayError: 111 }, "unclear"],
  ["never answered", { error: 110, strayError: 110 }, "refused"],
])("a connection to a neighbour, %s, is %s", (_what, errors, verdict) => {
  expect(neighbourVerdict(errors)).toBe(verdict);
});
