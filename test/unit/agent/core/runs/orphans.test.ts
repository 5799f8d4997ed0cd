/** When a container that nobody asks for is told, when its grace is over, and what never makes one of it. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  scanForOrphans,
  LONGEST_STEP_MS,
  ORPHAN_GRACE_MS,
  type Orphan,
} from "@remotegpu/agent/core/runs/orphans";
import type { HostId } from "@remotegpu/shared/values/ids";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { containerOf, exited, HOST, key } from "../../../../support/samples/run-samples.ts";

const STRAY = containerOf(key({ instance: "env-stray", run: "run-stray" }));
const ORDERED = containerOf(key({ instance: "env-x", run: "run-x" }));
const knowledge = { hostId: HOST, desired: [desiredOf("x")], observed: [STRAY, ORDERED] };
const reaping = { elapsedMs: 10_000, isReaping: true };

function orphan(countedMs: number): Orphan {
  return { ...key({ instance: "env-stray", run: "run-stray" }), containerId: STRAY.containerId, countedMs };
}

test("a container of an instance that no order names is found, with nothing counted yet", () => {
  const check = scanForOrphans([], knowledge, reaping);

  expect(check).toEqual({ orphans: [orphan(0)], found: [orphan(0)], ripe: [], reaped: new Set() });
});

test.each([
  ["another run of an ordered instance", containerOf(key({ instance: "env-x", run: "run-old" }))],
  ["one without our labels", { ...STRAY, owner: null }],
  ["another agent's", containerOf(key(), undefined, { hostId: "host-b" as HostId })],
])("%s is no orphan", (_what, container) => {
  expect(scanForOrphans([], { ...knowledge, observed: [container] }, reaping).orphans).toEqual([]);
});

test("one that was ordered once is none, even when the last set lacked it or wants it gone", () => {
  const desired = [desiredOf("stray", {}, { want: "removed" })];

  const check = scanForOrphans([orphan(5)], { ...knowledge, desired, observed: [STRAY] }, reaping);

  expect(check.orphans).toEqual([]);
});

test("one that has ended is one all the same", () => {
  const observed = [{ ...STRAY, status: exited(0) }];

  expect(scanForOrphans([], { ...knowledge, observed }, reaping).orphans).toEqual([orphan(0)]);
});

describe("the grace", () => {
  test.each([
    ["one millisecond before its end", ORPHAN_GRACE_MS - reaping.elapsedMs - 1, false],
    ["at its end", ORPHAN_GRACE_MS - reaping.elapsedMs, true],
    ["long after it", 2 * ORPHAN_GRACE_MS, true],
  ])("%s", (_when, countedMs, isReaped) => {
    const check = scanForOrphans([orphan(countedMs)], knowledge, reaping);

    expect(check.reaped).toEqual(new Set(isReaped ? [STRAY.containerId] : []));
  });

  test("is reported to be over once", () => {
    const first = scanForOrphans([orphan(ORPHAN_GRACE_MS - 1)], knowledge, reaping);
    const second = scanForOrphans(first.orphans, knowledge, reaping);

    expect([first.ripe.length, second.ripe.length]).toEqual([1, 0]);
  });

  test("over, but without the operator's word, takes nothing away", () => {
    const check = scanForOrphans([orphan(ORPHAN_GRACE_MS - 1)], knowledge, { ...reaping, isReaping: false });

    expect(check.ripe).toHaveLength(1);
    expect(check.reaped).toEqual(new Set());
  });

  test.each([
    ["unheard", 0],
    ["unwatched", LONGEST_STEP_MS + 1],
  ])("does not go on over %s time, and nothing is removed then", (_what, elapsedMs) => {
    const check = scanForOrphans([orphan(ORPHAN_GRACE_MS)], knowledge, { elapsedMs, isReaping: true });

    expect(check.orphans).toEqual([orphan(ORPHAN_GRACE_MS)]);
    expect(check.reaped).toEqual(new Set());
  });

  test("begins anew for one that somebody requested meanwhile", () => {
    const requested = { ...knowledge, desired: [...knowledge.desired, desiredOf("stray")] };

    const { orphans } = scanForOrphans([orphan(99)], requested, reaping);

    expect(scanForOrphans(orphans, knowledge, reaping).orphans).toEqual([orphan(0)]);
  });
});

test("whatever the history, what is removed was watched for the whole grace with nobody requesting it", () => {
  const HOUR_MS = 3_600_000;
  const step = fc.record({
    checks: fc.integer({ min: 1, max: 8 }),
    isHeard: fc.boolean(),
    isRequested: fc.boolean(),
    isThere: fc.boolean(),
    isReaping: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let orphans: Orphan[] = [];
      let unaskedMs = 0;
      let isFirst = true;
      for (const { checks, isHeard, isRequested, isThere, isReaping } of steps)
        // An hour of looks at a time, so that a history is long enough for a grace.
        for (let hour = 0; hour < checks; hour += 1)
          for (let sinceMs = 0; sinceMs < HOUR_MS; sinceMs += LONGEST_STEP_MS) {
            const elapsedMs = isHeard ? LONGEST_STEP_MS : 0;
            const isOrphan = isThere && !isRequested;
            unaskedMs = isOrphan && !isFirst ? unaskedMs + elapsedMs : 0;
            isFirst = !isOrphan;
            const check = scanForOrphans(
              orphans,
              {
                hostId: HOST,
                desired: isRequested ? [desiredOf("stray")] : [],
                observed: isThere ? [STRAY] : [],
              },
              { elapsedMs, isReaping },
            );
            orphans = check.orphans;
            const isDue = isReaping && elapsedMs > 0 && isOrphan && unaskedMs >= ORPHAN_GRACE_MS;
            expect(check.reaped.size).toBe(isDue ? 1 : 0);
          }
    }),
    { numRuns: 30 },
  );
});
