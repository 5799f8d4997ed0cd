/** What of a connection keeps a lease from being released, and what does not. */
import { describe, expect, test } from "vitest";
import { LEASE_SERVICES } from "@remotegpu/shared/instance/lease";
import {
  FOREIGN_GRACE_MS,
  IDLE_BYTES_A_MINUTE,
  UseMeter,
  useRuleOf,
} from "@remotegpu/agent/core/access/session-use";

const CHECK_MS = 5_000;
/** Of an SSH connection until somebody is in. */
const HANDSHAKE = { bytesIn: 3_000, bytesOut: 4_000 };

/** Used in which of the looks, a look every 5 s, with so many bytes both ways since the one before. */
function checks(
  meter: UseMeter,
  each: readonly { bytesIn: number; bytesOut: number; hasLogin?: boolean }[],
  fromMs = 0,
): boolean[] {
  const sum = { bytesIn: 0, bytesOut: 0 };
  return each.map(({ bytesIn, bytesOut, hasLogin = false }, index) => {
    sum.bytesIn += bytesIn;
    sum.bytesOut += bytesOut;
    return meter.isUsed({ ms: fromMs + (index + 1) * CHECK_MS, ...sum, hasLogin });
  });
}

test("each service has its rule", () => {
  const rules = LEASE_SERVICES.map((service) => [service, useRuleOf({ service, internalPort: 2022 })]);
  expect(Object.fromEntries(rules)).toEqual({
    ssh: "login",
    rdp: "both-ways",
    custom: "both-ways",
    jupyter: "open",
    tensorboard: "open",
  });
  expect(useRuleOf({ service: "ssh", internalPort: 22 })).toBe("outlived");
});

describe("SSH of our own server", () => {
  test("a handshake without a login, however long, is no access", () => {
    expect(checks(new UseMeter("login", 0), [HANDSHAKE, HANDSHAKE, HANDSHAKE])).toEqual([
      false,
      false,
      false,
    ]);
  });

  test("a login is access once, and what it took to come in is not counted again", () => {
    const quiet = { bytesIn: 0, bytesOut: 0, hasLogin: true };
    const came = { ...HANDSHAKE, hasLogin: true };

    expect(checks(new UseMeter("login", 0), [HANDSHAKE, came, quiet, quiet])).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test.each([
    ["every 5 s with the longest codes, and those of our server", 184 + 16],
    ["every 15 s with the default cipher", 27],
  ])("an hour of keep-alives %s is none", (_how, bytes) => {
    const meter = new UseMeter("login", 0);
    const alive = Array.from({ length: 720 }, () => ({
      bytesIn: bytes / 2,
      bytesOut: bytes / 2,
      hasLogin: true,
    }));

    expect(checks(meter, alive).filter(Boolean)).toHaveLength(1);
  });

  test("bytes are access from the first one beyond the bound of a minute", () => {
    const least = (bytes: number) => {
      const meter = new UseMeter("login", 0);
      const came = { bytesIn: 0, bytesOut: 0, hasLogin: true };
      return checks(meter, [came, { bytesIn: 0, bytesOut: bytes, hasLogin: true }])[1];
    };

    expect(least(IDLE_BYTES_A_MINUTE)).toBe(false);
    expect(least(IDLE_BYTES_A_MINUTE + 1)).toBe(true);
  });
});

test("of an image's own server what outlives the time for a login is taken for one, and nothing before", () => {
  const busy = { bytesIn: 0, bytesOut: IDLE_BYTES_A_MINUTE + 1 };
  const meter = new UseMeter("outlived", 0);

  expect(checks(meter, [HANDSHAKE, busy])).toEqual([false, false]);
  expect(checks(new UseMeter("outlived", 0), [busy], FOREIGN_GRACE_MS - CHECK_MS)).toEqual([false]);
  expect(checks(new UseMeter("outlived", 0), [busy], FOREIGN_GRACE_MS)).toEqual([true]);
});

test("of others it takes bytes in both directions, at whatever distance, and again each time", () => {
  const to = { bytesIn: 1, bytesOut: 0 };
  const back = { bytesIn: 0, bytesOut: 1 };

  expect(checks(new UseMeter("both-ways", 0), [back, back])).toEqual([false, false]);
  expect(checks(new UseMeter("both-ways", 0), [to, to])).toEqual([false, false]);
  expect(checks(new UseMeter("both-ways", 0), [to, back, to, to, back, back])).toEqual([
    false,
    true,
    false,
    false,
    true,
    false,
  ]);
});

test("a web interface is used for as long as somebody who has requested something is connected", () => {
  const quiet = { bytesIn: 0, bytesOut: 0 };

  expect(checks(new UseMeter("open", 0), [quiet, { bytesIn: 1, bytesOut: 0 }, quiet, quiet])).toEqual([
    false,
    true,
    true,
    true,
  ]);
});
