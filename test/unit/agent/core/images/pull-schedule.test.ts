/** Which pulls begin now, and how owners share the slots. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  PULLS_AT_ONCE,
  PULLS_OF_OWNER,
  pullsToBegin,
  type WaitingPull,
} from "@remotegpu/agent/core/images/pull-schedule";

const waits = (key: string, rest: Partial<WaitingPull> = {}): WaitingPull => ({
  key,
  owner: key.slice(0, 1),
  isPlaced: true,
  sinceMs: 0,
  ...rest,
});

test("an owner alone has a part of the slots", () => {
  const waiting = ["a1", "a2", "a3"].map((key, sinceMs) => waits(key, { sinceMs }));

  expect(pullsToBegin(waiting, [])).toEqual(["a1", "a2"]);
  expect(pullsToBegin(waiting, ["a"])).toEqual(["a1"]);
  expect(pullsToBegin(waiting, ["a", "a"])).toEqual([]);
});

test("the next free slot goes to the owner with the fewest in progress", () => {
  const waiting = [waits("a1", { sinceMs: 1 }), waits("b1", { sinceMs: 2 }), waits("c1", { sinceMs: 3 })];
  const pending = ["a", "b", "d", "d", "e"];

  expect(pullsToBegin(waiting, pending)).toEqual(["c1"]);
});

test("among equals who has waited longest is first, and who holds a place on the host before who does not", () => {
  const waiting = [
    waits("a1", { sinceMs: 1, isPlaced: false }),
    waits("b1", { sinceMs: 9 }),
    waits("c1", { sinceMs: 5 }),
  ];

  expect(pullsToBegin(waiting, ["x", "x", "y", "y"])).toEqual(["c1", "b1"]);
});

test("two owners who hang on all they may have leave room for a third", () => {
  expect(pullsToBegin([waits("c1")], ["a", "a", "b", "b"])).toEqual(["c1"]);
});

test("however many wait, slots and parts are respected, and no slot stays free that somebody may have", () => {
  const owner = fc.constantFrom("a", "b", "c", "d", "e");
  const waiting = fc
    .array(fc.record({ owner, isPlaced: fc.boolean(), sinceMs: fc.nat(9) }), { maxLength: 20 })
    .map((pulls) => pulls.map((pull, at) => ({ ...pull, key: `${pull.owner}${at}` })));
  const held = fc.array(owner, { maxLength: PULLS_AT_ONCE });
  fc.assert(
    fc.property(waiting, held, (pulls, owners) => {
      const begun = pullsToBegin(pulls, owners);

      const after = [...owners, ...begun.map((key) => key.slice(0, 1))];
      const countOf = (name: string) => after.filter((other) => other === name).length;
      const left = pulls.filter(({ key }) => !begun.includes(key));
      expect(new Set(begun).size).toBe(begun.length);
      expect(after.length).toBeLessThanOrEqual(Math.max(PULLS_AT_ONCE, owners.length));
      for (const key of begun) expect(countOf(key.slice(0, 1))).toBeLessThanOrEqual(PULLS_OF_OWNER);
      const isFull = after.length >= PULLS_AT_ONCE;
      expect(isFull || left.every((pull) => countOf(pull.owner) >= PULLS_OF_OWNER)).toBe(true);
    }),
  );
});
