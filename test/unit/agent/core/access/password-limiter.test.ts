/** From where passwords of an environment may be tried: strangers, who has logged in, and histories of both. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  isShutToStrangers,
  KNOWN_FOR_MS,
  MAX_ADDRESSES,
  MAX_KNOWN,
  MAX_STRANGERS,
  PasswordLimiter,
  RATE_OF_KNOWN,
  RATE_OF_STRANGER,
  RATE_OF_STRANGERS,
  strangersTryAgainMs,
} from "@remotegpu/agent/core/access/password-limiter";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

const NOW = 1_800_000_000_000;
const OWNER = "198.51.100.7";

const strangers = (count: number) => Array.from({ length: count }, (_, each) => `203.0.113.${each}`);
/** How many tries it gets that come to nothing, of so many. */
const triesOf = (limiter: PasswordLimiter, group: string, count: number, nowMs = NOW) =>
  Array.from({ length: count }, () => limiter.spend(group, nowMs)).filter((spent) => spent !== null).length;
const again = (limiter: PasswordLimiter, nowMs = NOW) =>
  new PasswordLimiter(JSON.parse(JSON.stringify(limiter.stored(nowMs))));

describe("strangers", () => {
  test("have so many tries of one address, and so many of all together", () => {
    const limiter = new PasswordLimiter(null);

    const counts = strangers(100).map((group) => triesOf(limiter, group, 1_000));

    expect(counts[0]).toBe(RATE_OF_STRANGER.burst);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(RATE_OF_STRANGERS.burst);
    expect(isShutToStrangers(limiter.stored(NOW), NOW)).toBe(true);
  });

  test("have one again when an hour's share of it has passed, unless one is spent meanwhile", () => {
    const limiter = new PasswordLimiter(null);
    expect(strangersTryAgainMs(limiter.stored(NOW), NOW)).toBeNull();
    strangers(100).forEach((group) => triesOf(limiter, group, 1_000));

    const againMs = strangersTryAgainMs(limiter.stored(NOW), NOW) ?? 0;

    expect(againMs).toBe(NOW + MS_PER_HOUR / RATE_OF_STRANGERS.perHour);
    expect(limiter.spend("192.0.2.1", againMs - 1)).toBeNull();
    expect(limiter.spend("192.0.2.2", againMs)).toBe("stranger's");
    expect(strangersTryAgainMs(limiter.stored(againMs), againMs)).toBe(
      againMs + MS_PER_HOUR / RATE_OF_STRANGERS.perHour,
    );
  });

  test("regain them by the hour, never more than at the beginning", () => {
    const limiter = new PasswordLimiter(null);
    const groups = strangers(100);
    for (const group of groups) triesOf(limiter, group, 1_000);

    const after = (ms: number) => {
      const copy = again(limiter);
      return groups.reduce((sum, group) => sum + triesOf(copy, group, 1_000, NOW + ms), 0);
    };

    expect(after(MS_PER_HOUR / RATE_OF_STRANGERS.perHour - 1)).toBe(0);
    expect(after(MS_PER_HOUR / RATE_OF_STRANGERS.perHour)).toBe(1);
    expect(after(MS_PER_HOUR)).toBe(RATE_OF_STRANGERS.perHour);
    expect(after(1_000 * MS_PER_HOUR)).toBe(RATE_OF_STRANGERS.burst);
  });

  test("gain nothing by a restart, nor by a clock that is set back", () => {
    const limiter = new PasswordLimiter(null);
    for (const group of strangers(100)) triesOf(limiter, group, 1_000);

    expect(triesOf(again(limiter), "192.0.2.1", 1_000)).toBe(0);
    expect(triesOf(again(limiter), "192.0.2.1", 1_000, NOW - 1_000 * MS_PER_HOUR)).toBe(0);
  });

  test("of more addresses than are counted apart have none until some have rested", () => {
    const spent = Array.from({ length: MAX_STRANGERS }, (_, each) => ({
      group: `stranger-${each}`,
      tries: { left: 0, atMs: NOW },
      lastLoginMs: null,
    }));
    const limiter = new PasswordLimiter({ strangers: { left: 64, atMs: NOW }, addresses: spent });

    expect(limiter.spend("192.0.2.1", NOW)).toBeNull();
    limiter.loggedIn(OWNER, null, NOW);
    expect(limiter.spend(OWNER, NOW)).toBe("known's");
    expect(limiter.spend("192.0.2.1", NOW + 24 * MS_PER_HOUR)).toBe("stranger's");
  });

  test("and who has logged in are stored in no more than so many rows, the latter first", () => {
    const limiter = new PasswordLimiter({
      strangers: { left: 64, atMs: NOW },
      addresses: Array.from({ length: 2 * MAX_ADDRESSES }, (_, each) => ({
        group: `stranger-${each}`,
        tries: { left: 0, atMs: NOW },
        lastLoginMs: null,
      })),
    });
    limiter.loggedIn(OWNER, null, NOW);

    const { addresses } = limiter.stored(NOW);

    expect(addresses).toHaveLength(MAX_ADDRESSES);
    expect(addresses.map(({ group }) => group)).toContain(OWNER);
  });
});

describe("an address from which somebody has logged in", () => {
  test("keeps tries of its own, whatever strangers do", () => {
    const limiter = new PasswordLimiter(null);
    limiter.loggedIn(OWNER, limiter.spend(OWNER, NOW), NOW);
    for (const group of strangers(1_000)) triesOf(limiter, group, 1_000);

    expect(triesOf(limiter, OWNER, 1_000)).toBe(RATE_OF_KNOWN.burst);
    expect(limiter.spend(OWNER, NOW)).toBeNull();
    expect(limiter.spend(OWNER, NOW + MS_PER_HOUR)).toBe("known's");
  });

  test("is a stranger again after a week", () => {
    const limiter = new PasswordLimiter(null);
    limiter.loggedIn(OWNER, limiter.spend(OWNER, NOW), NOW);

    expect(limiter.spend(OWNER, NOW + KNOWN_FOR_MS - 1)).toBe("known's");
    expect(limiter.spend(OWNER, NOW + KNOWN_FOR_MS)).toBe("stranger's");
    expect(triesOf(limiter, OWNER, 1_000, NOW + KNOWN_FOR_MS)).toBe(RATE_OF_STRANGER.burst - 1);
  });

  test("uses up none of the strangers' tries, however many it opens at once before the first is reported", () => {
    const limiter = new PasswordLimiter(null);
    const spent = Array.from({ length: 40 }, () => limiter.spend(OWNER, NOW));
    for (const whose of spent) limiter.loggedIn(OWNER, whose, NOW);

    const others = strangers(100).map((group) => triesOf(limiter, group, 1_000));

    expect(others.reduce((sum, count) => sum + count, 0)).toBe(RATE_OF_STRANGERS.burst);
    expect(triesOf(limiter, OWNER, 1_000)).toBe(RATE_OF_KNOWN.burst);
  });

  test("is known by a key, too, also where passwords were shut to it", () => {
    const limiter = new PasswordLimiter(null);
    for (const group of strangers(100)) triesOf(limiter, group, 1_000);
    expect(limiter.spend(OWNER, NOW)).toBeNull();

    limiter.loggedIn(OWNER, null, NOW);

    expect(limiter.spend(OWNER, NOW)).toBe("known's");
    expect(again(limiter).spend(OWNER, NOW)).toBe("known's");
  });

  test("is one of so many: the one that was not seen for longest is forgotten", () => {
    const limiter = new PasswordLimiter(null);
    for (const [each, group] of strangers(MAX_KNOWN + 1).entries()) limiter.loggedIn(group, null, NOW + each);
    const [first = "", second = ""] = strangers(2);

    expect(limiter.spend(second, NOW + MAX_KNOWN)).toBe("known's");
    expect(limiter.spend(first, NOW + MAX_KNOWN)).toBe("stranger's");
  });
});

test("who has tried none has the try back", () => {
  const limiter = new PasswordLimiter(null);
  for (let each = 0; each < 1_000; each += 1) {
    const spent = limiter.spend("192.0.2.1", NOW);
    if (spent !== null) limiter.giveBack("192.0.2.1", spent, NOW);
  }

  expect(triesOf(limiter, "192.0.2.1", 1_000)).toBe(RATE_OF_STRANGER.burst);
});

test("no history gives strangers more tries than the burst and what is regained, or lets them touch the owner's", () => {
  const anyStep = fc.record({
    afterMs: fc.integer({ min: 0, max: 20 * MS_PER_MINUTE }),
    address: fc.integer({ min: 0, max: 40 }),
    ends: fc.constantFrom("nothing", "back", "restart"),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 400 }), (steps) => {
      let limiter = new PasswordLimiter(null);
      limiter.loggedIn(OWNER, null, NOW);
      let nowMs = NOW;
      let tried = 0;
      for (const { afterMs, address, ends } of steps) {
        nowMs += afterMs;
        const group = `stranger-${address}`;
        const spent = limiter.spend(group, nowMs);
        if (ends === "restart") limiter = again(limiter, nowMs);
        if (ends === "back" && spent !== null) limiter.giveBack(group, spent, nowMs);
        else if (spent !== null) tried += 1;
      }
      const hours = (nowMs - NOW) / MS_PER_HOUR;
      expect(tried).toBeLessThanOrEqual(RATE_OF_STRANGERS.burst + hours * RATE_OF_STRANGERS.perHour + 1e-6);
      const isKnown = nowMs - NOW < KNOWN_FOR_MS;
      expect(isKnown ? triesOf(limiter, OWNER, 1_000, nowMs) : RATE_OF_KNOWN.burst).toBe(RATE_OF_KNOWN.burst);
    }),
  );
});
