/** Who may stay in, by what opens the environment now. */
import { describe, expect, test } from "vitest";
import {
  UNKNOWN_KEY_GRACE_MS,
  verdictOn,
  verdictOnUnknown,
  type Door,
  type Insider,
} from "@remotegpu/agent/core/access/session-verdict";

type Key = [fingerprint: string, untilMs: number | null];
const key = (fingerprint: string, untilMs: number | null = null): Key => [fingerprint, untilMs];
const door = ({
  keys = [key("a"), key("b")],
  passwordMark = "1",
}: { keys?: Key[]; passwordMark?: string | null } = {}): Door => ({ keys: new Map(keys), passwordMark });
const byKey = (changes: Partial<Insider> = {}): Insider => ({
  login: { method: "publickey", fingerprint: "a" },
  loginMs: 0,
  passwordMark: "1",
  wasKnown: true,
  ...changes,
});
const byPassword: Insider = byKey({ login: { method: "password", fingerprint: null } });
const now = { monotonicMs: 0, wallMs: 1_000 };

describe("who came in by a key", () => {
  test("stays while that opens it, whatever becomes of others and of the password", () => {
    expect(verdictOn(byKey(), door(), now)).toBeNull();
    expect(verdictOn(byKey(), door({ keys: [key("a")], passwordMark: null }), now)).toBeNull();
  });

  test("goes when it opens it no more, at once", () => {
    expect(verdictOn(byKey(), door({ keys: [key("b")] }), now)).toMatch(/no more/);
  });

  test("goes when its time is over, at the millisecond", () => {
    const until = (ms: number) => verdictOn(byKey(), door({ keys: [key("a", ms)] }), now);

    expect(until(1_001)).toBeNull();
    expect(until(1_000)).toMatch(/time/);
  });

  test("stays for a moment when it was not heard of yet, and no longer", () => {
    const early = byKey({ wasKnown: false, login: { method: "publickey", fingerprint: "new" } });
    const at = (monotonicMs: number) => verdictOn(early, door(), { ...now, monotonicMs });

    expect(at(UNKNOWN_KEY_GRACE_MS - 1)).toBeNull();
    expect(at(UNKNOWN_KEY_GRACE_MS)).toMatch(/no more/);
  });
});

describe("who came in by the password", () => {
  test.each([
    ["stays while it is the same", door({ keys: [] }), null],
    ["goes when it was replaced", door({ passwordMark: "2" }), "The password was replaced."],
    ["goes when there is none", door({ passwordMark: null }), "The password was taken away."],
  ])("%s", (_what, opens, verdict) => {
    expect(verdictOn(byPassword, opens, now)).toBe(verdict);
  });
});

test("everybody goes when nobody enters any more", () => {
  expect(verdictOn(byKey(), null, now)).toMatch(/not entered/);
  expect(verdictOn(byPassword, null, now)).toMatch(/not entered/);
});

describe("who was not reported yet", () => {
  const times = { beforeWallMs: 1_000, wallMs: 2_000 };

  test.each([
    ["stays when nothing changed", door(), door(), false],
    ["stays when a key came", door(), door({ keys: [key("a"), key("b"), key("c")] }), false],
    ["stays when there was no access before", null, door(), false],
    ["stays when a password came", door({ passwordMark: null }), door(), false],
    ["goes when a key went", door(), door({ keys: [key("a")] }), true],
    ["goes when the password was replaced", door(), door({ passwordMark: "2" }), true],
    ["goes when the password went", door(), door({ passwordMark: null }), true],
    ["goes when the access went", door(), null, true],
    [
      "goes when a key's time ended",
      door({ keys: [key("a", 2_000)] }),
      door({ keys: [key("a", 2_000)] }),
      true,
    ],
    [
      "stays when it had ended before",
      door({ keys: [key("a", 999)] }),
      door({ keys: [key("a", 999)] }),
      false,
    ],
    ["stays when it goes on", door({ keys: [key("a", 2_001)] }), door({ keys: [key("a", 2_001)] }), false],
  ])("%s", (_what, before, after, goes) => {
    expect(verdictOnUnknown(before, after, times) !== null).toBe(goes);
  });
});
