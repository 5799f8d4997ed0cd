import { describe, expect, test } from "vitest";
import { changesBy, isOlder, KEEP_RELEASED_MS } from "@remotegpu/agent/core/leases/lease-list";
import { released, type LeaseRecord } from "@remotegpu/agent/core/leases/lease";
import { heldLease, wantedLease } from "../../../../support/samples/lease-samples.ts";

const NOW_MS = 1_000;

function known(...leases: LeaseRecord[]): Map<string, LeaseRecord> {
  return new Map(leases.map((lease) => [lease.leaseId, lease]));
}

test.each([
  [{ term: 2, generation: 5 }, false],
  [{ term: 2, generation: 6 }, false],
  [{ term: 3, generation: 5 }, false],
  [{ term: 1, generation: 9 }, true],
  [{ term: 3, generation: 4 }, true],
])("after term 2, generation 5, a list of %j is older: %s", (numbers, older) => {
  expect(isOlder(numbers, { term: 2, generation: 5 })).toBe(older);
});

describe("a list", () => {
  test("brings new leases, and those that were over before they were known", () => {
    const { saved } = changesBy([wantedLease("a"), wantedLease("b", { want: "released" })], known(), NOW_MS);

    expect(saved).toMatchObject([
      { leaseId: "a", state: "waiting", externalPort: null },
      { leaseId: "b", state: "released", releasedBecause: "ordered", externalPort: null },
    ]);
  });

  test("that repeats what is known changes nothing", () => {
    expect(changesBy([wantedLease("a")], known(heldLease("a", 20_001)), NOW_MS)).toEqual({
      saved: [],
      forgotten: [],
    });
  });

  test("takes nothing away by absence", () => {
    expect(changesBy([], known(heldLease("a", 20_001)), KEEP_RELEASED_MS * 2)).toEqual({
      saved: [],
      forgotten: [],
    });
  });

  test("never brings back a lease that is over", () => {
    const over = released(heldLease("a", 20_001), "idle", 0);

    expect(changesBy([wantedLease("a")], known(over), NOW_MS)).toEqual({ saved: [], forgotten: [] });
  });

  test.each([
    [KEEP_RELEASED_MS - 1, 0],
    [KEEP_RELEASED_MS, 1],
  ])("that lacks a released lease lets it be forgotten after a week: at %i ms, %i", (nowMs, count) => {
    const over = released(heldLease("a", 20_001), "ordered", 0);

    expect(changesBy([], known(over), nowMs).forgotten).toHaveLength(count);
    expect(changesBy([wantedLease("a", { want: "released" })], known(over), nowMs).forgotten).toEqual([]);
  });
});
