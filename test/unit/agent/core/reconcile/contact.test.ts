import * as fc from "fast-check";
import { expect, test } from "vitest";
import { countedUpTo, cutOffMs, heardAt, resumedContact } from "@remotegpu/agent/core/reconcile/contact";
import { at, BOOT, OTHER_BOOT } from "../../../../support/samples/run-samples.ts";

test.each([
  ["at that moment", 5_000, 0],
  ["a millisecond later", 5_001, 1],
  ["an hour later", 3_605_000, 3_600_000],
])("heard at 5 s: %s", (_, nowMs, expected) => {
  expect(cutOffMs(heardAt(at(5_000)), nowMs)).toBe(expected);
});

test("a restart within the boot goes on with the count, the time without an agent included", () => {
  const resumed = resumedContact(heardAt(at(5_000)), at(95_000));

  expect(cutOffMs(resumed, 95_000)).toBe(90_000);
  expect(resumed.wasHeardInBoot).toBe(true);
});

test("a reboot adds the time since the boot to what was counted before it", () => {
  const before = countedUpTo(heardAt(at(5_000)), 65_000);

  const resumed = resumedContact(before, at(20_000, OTHER_BOOT));

  expect(cutOffMs(resumed, 20_000)).toBe(80_000);
  expect(resumed).toMatchObject({ bootId: OTHER_BOOT, wasHeardInBoot: false });
});

test("a further restart in the boot after counts nothing twice", () => {
  const rebooted = resumedContact(countedUpTo(heardAt(at(0)), 60_000), at(20_000, OTHER_BOOT));
  const stored = countedUpTo(rebooted, 30_000);

  const resumed = resumedContact(stored, at(40_000, OTHER_BOOT));

  expect(cutOffMs(resumed, 40_000)).toBe(100_000);
  expect(resumed.wasHeardInBoot).toBe(false);
});

test("a journal that never stored it begins the count at its opening", () => {
  const resumed = resumedContact(null, at(7_000));

  expect(resumed).toEqual({ bootId: BOOT, atMs: 7_000, cutOffMs: 0, wasHeardInBoot: false });
});

test("writing the count down, however often, changes nothing in it", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000), { maxLength: 20 }), fc.nat(100_000), (written, nowMs) => {
      const moments = written.filter((ms) => ms <= nowMs).toSorted((a, b) => a - b);

      const contact = moments.reduce(countedUpTo, heardAt(at(0)));

      expect(cutOffMs(contact, nowMs)).toBe(nowMs);
    }),
  );
});
