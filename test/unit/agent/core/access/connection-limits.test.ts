/** Who is let in to a leased port, and who is one too many. */
import { expect, test } from "vitest";
import {
  ConnectionLimits,
  MAX_CONNECTIONS_OF_CLIENT,
  MAX_CONNECTIONS_OF_LEASE,
  MAX_LED_AT_ONCE,
  MAX_PACED,
  MAX_UNNAMED_OF_CLIENT,
} from "@remotegpu/agent/core/access/connection-limits";

const FLOOD = "203.0.113.7";
const OWNER = "198.51.100.4";
const times = (count: number, of: () => string) => Array.from({ length: count }, of);

test("one address is let in up to its bound, and again when one of its connections has left", () => {
  const limits = new ConnectionLimits("custom");
  const requested = times(MAX_CONNECTIONS_OF_CLIENT + 1, () => limits.admit(FLOOD, 0));

  expect(requested.filter((answer) => answer === "admitted")).toHaveLength(MAX_CONNECTIONS_OF_CLIENT);
  expect(requested.at(-1)).toBe("too-many");
  limits.left(FLOOD, { isNamed: false });
  expect(limits.admit(FLOOD, 0)).toBe("admitted");
});

test("of ssh, connections without a login count by themselves, and one that has logged in does not", () => {
  const limits = new ConnectionLimits("ssh");
  times(MAX_UNNAMED_OF_CLIENT, () => limits.admit(FLOOD, 0));
  expect(limits.admit(FLOOD, 0)).toBe("too-many");

  limits.named(FLOOD);
  expect(limits.admit(FLOOD, 0)).toBe("admitted");
  expect(limits.admit(FLOOD, 0)).toBe("too-many");

  limits.left(FLOOD, { isNamed: true });
  expect(limits.admit(FLOOD, 0)).toBe("too-many");
  limits.left(FLOOD, { isNamed: false });
  expect(limits.admit(FLOOD, 0)).toBe("admitted");
});

test("of ssh, from an address with many that have not logged in one is to speak first, and from another is not", () => {
  const [ssh, custom] = [new ConnectionLimits("ssh"), new ConnectionLimits("custom")];
  for (const limits of [ssh, custom]) times(MAX_LED_AT_ONCE, () => limits.admit(FLOOD, 0));
  ssh.admit(OWNER, 0);
  expect(ssh.isCrowded(FLOOD)).toBe(false);

  for (const limits of [ssh, custom]) limits.admit(FLOOD, 0);

  expect([ssh.isCrowded(FLOOD), ssh.isCrowded(OWNER), custom.isCrowded(FLOOD)]).toEqual([true, false, false]);
  ssh.named(FLOOD);
  expect(ssh.isCrowded(FLOOD)).toBe(false);
});

test("whoever comes too fast waits until time has passed, and nobody else does", () => {
  const limits = new ConnectionLimits("ssh");
  const come = (nowMs: number) => {
    const answer = limits.admit(FLOOD, nowMs);
    if (answer === "admitted") limits.left(FLOOD, { isNamed: false });
    return answer;
  };
  expect(new Set(times(100, () => come(0)))).toEqual(new Set(["admitted"]));

  expect(come(0)).toBe("too-fast");
  expect(limits.admit(OWNER, 0)).toBe("admitted");
  expect(come(49)).toBe("too-fast");
  expect(come(50)).toBe("admitted");
  expect(come(50)).toBe("too-fast");
});

test("a lease is full at its bound, whoever comes", () => {
  const limits = new ConnectionLimits("custom");
  for (let client = 0; client < MAX_CONNECTIONS_OF_LEASE; client += 1)
    expect(limits.admit(`10.0.${client >> 8}.${client & 255}`, 0)).toBe("admitted");

  expect(limits.admit(OWNER, 0)).toBe("too-many");
});

test.each([
  ["ssh", true, "admitted"],
  ["ssh", false, "too-many"],
  ["custom", true, "too-many"],
] as const)(
  "of a lease of %s that is full, where somebody may go: %s, one who comes is %s",
  (service, mayGo, answer) => {
    const limits = new ConnectionLimits(service);
    for (let client = 0; client < MAX_CONNECTIONS_OF_LEASE; client += 1)
      limits.admit(`10.0.${client >> 8}.${client & 255}`, 0);
    const makesRoom = () => {
      if (mayGo) limits.left("10.0.0.7", { isNamed: false });
      return mayGo;
    };

    expect(limits.admit(OWNER, 0, makesRoom)).toBe(answer);
    expect(limits.admit(OWNER, 0)).toBe("too-many");
  },
);

test("room is made for nobody who is beyond the bound of its own address", () => {
  const limits = new ConnectionLimits("ssh");
  for (let client = 0; client < MAX_CONNECTIONS_OF_LEASE / MAX_UNNAMED_OF_CLIENT; client += 1)
    times(MAX_UNNAMED_OF_CLIENT, () => limits.admit(`10.0.0.${client}`, 0));

  expect(
    limits.admit("10.0.0.7", 0, () => {
      throw new Error("somebody was sent away");
    }),
  ).toBe("too-many");
});

test("who makes room for one of its own address counts no more", () => {
  const limits = new ConnectionLimits("ssh");
  times(MAX_UNNAMED_OF_CLIENT - 1, () => limits.admit(FLOOD, 0));
  for (let client = 0; client < MAX_CONNECTIONS_OF_LEASE - MAX_UNNAMED_OF_CLIENT + 1; client += 1)
    limits.admit(`10.0.${client >> 8}.${client & 255}`, 0);
  const makesRoom = () => {
    limits.left(FLOOD, { isNamed: false });
    return true;
  };

  for (let each = 0; each < 10; each += 1) expect(limits.admit(FLOOD, 0, makesRoom)).toBe("admitted");
});

test("a flood from many addresses fills no memory, and a known one stays within its pace", () => {
  const limits = new ConnectionLimits("ssh");
  const come = (group: string, nowMs: number) => {
    const answer = limits.admit(group, nowMs);
    if (answer === "admitted") limits.left(group, { isNamed: false });
    return answer;
  };
  times(100, () => come(FLOOD, 0));
  for (let client = 0; client < 2 * MAX_PACED; client += 1) come(`2001:db8:0:${client}::/64`, 0);

  expect(come(FLOOD, 0)).toBe("too-fast");
  expect(come(OWNER, 0)).toBe("admitted");
  expect(come(FLOOD, 60_000)).toBe("admitted");
});

test("one that was never admitted leaves nothing behind when it leaves", () => {
  const limits = new ConnectionLimits("ssh");

  limits.left(OWNER, { isNamed: false });
  limits.named(OWNER);

  expect(limits.admit(OWNER, 0)).toBe("admitted");
});
