import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chooseReplica,
  type Conduct,
  conductAfter,
  GOOD_CONDUCT,
} from "@remotegpu/control-plane/server/core/gateway/services/replica-choice";

const replica = (id: string, open: number, change: { lastTurn?: number; conduct?: Conduct } = {}) => ({
  id,
  open,
  lastTurn: 0,
  conduct: GOOD_CONDUCT,
  ...change,
});
const ANY = { most: null, avoid: new Set<never>(), nowMs: 0 };

function failed(times: number, nowMs = 0): Conduct {
  let conduct = GOOD_CONDUCT;
  for (let time = 0; time < times; time += 1) conduct = conductAfter(conduct, false, nowMs);
  return conduct;
}

describe("the next request", () => {
  test("goes to the replica with the fewest open ones", () => {
    expect(chooseReplica([replica("a", 2), replica("b", 1), replica("c", 3)], ANY)?.id).toBe("b");
  });

  test("of several alike goes to the one that waits longest", () => {
    const replicas = [replica("a", 1, { lastTurn: 7 }), replica("b", 1, { lastTurn: 5 })];
    expect(chooseReplica(replicas, ANY)?.id).toBe("b");
  });

  test("has nowhere to go where each has as many as it may", () => {
    expect(chooseReplica([replica("a", 2), replica("b", 2)], { ...ANY, most: 2 })).toBeNull();
    expect(chooseReplica([replica("a", 2), replica("b", 1)], { ...ANY, most: 2 })?.id).toBe("b");
    expect(chooseReplica([], ANY)).toBeNull();
  });

  test("never goes where it has failed already", () => {
    const [a, b] = [replica("a", 0), replica("b", 9)];
    expect(chooseReplica([a, b], { ...ANY, avoid: new Set([a]) })).toBe(b);
    expect(chooseReplica([a], { ...ANY, avoid: new Set([a]) })).toBeNull();
  });

  test("passes by one that failed three times in a row, for a while, unless all did", () => {
    const bad = replica("a", 0, { conduct: failed(3, 1_000) });
    expect(chooseReplica([bad, replica("b", 5)], { ...ANY, nowMs: 5_999 })?.id).toBe("b");
    expect(chooseReplica([bad, replica("b", 5)], { ...ANY, nowMs: 6_000 })?.id).toBe("a");
    expect(chooseReplica([bad], { ...ANY, nowMs: 1_000 })?.id).toBe("a");
    expect(chooseReplica([replica("a", 0, { conduct: failed(2) }), replica("b", 1)], ANY)?.id).toBe("a");
  });

  test("is given to somebody whenever anybody has room", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ open: fc.nat(5), lastTurn: fc.nat(9), failures: fc.nat(5) }), { maxLength: 8 }),
        fc.option(fc.integer({ min: 1, max: 5 }), { nil: null }),
        (shapes, most) => {
          const replicas = shapes.map(({ open, lastTurn, failures }, nth) =>
            replica(`r${nth}`, open, { lastTurn, conduct: failed(failures) }),
          );
          const chosen = chooseReplica(replicas, { ...ANY, most });
          expect(chosen !== null).toBe(replicas.some(({ open }) => most === null || open < most));
          expect((chosen?.open ?? -1) < (most ?? Infinity)).toBe(true);
        },
      ),
    );
  });
});

describe("conduct", () => {
  test("is good again after any answer", () => {
    expect(conductAfter(failed(5), true, 0)).toEqual(GOOD_CONDUCT);
  });

  test("that stays bad keeps one out for longer and longer, a minute at most", () => {
    const out = [3, 4, 5, 6, 7, 8, 20].map((times) => failed(times).outUntilMs);
    expect(out).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
  });
});
