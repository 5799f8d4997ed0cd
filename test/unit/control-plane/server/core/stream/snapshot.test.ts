import { describe, expect, test } from "vitest";
import { changesBetween, type Snapshot } from "@remotegpu/control-plane/server/core/stream/snapshot";
import { card, EMPTY, fleet, marked, OF_ADA } from "../../../../../support/samples/stream-snapshots.ts";

describe("between two snapshots", () => {
  test.each([
    ["noted anew", { noted: 1, written: 5 }, { noted: 2, written: 5 }, true],
    ["written anew", { noted: 1, written: 5 }, { noted: 1, written: 6 }, true],
    ["as before", { noted: 1, written: 5 }, { noted: 1, written: 5 }, false],
    // What was written long ago leaves the looks piece by piece.
    ["half gone", { noted: 1, written: 5 }, { noted: 0, written: 5 }, false],
  ])("a workload %s has changed or not", (_what, before, after, isChanged) => {
    expect(changesBetween(marked(before), marked(after)).workloads.has("env:e")).toBe(isChanged);
  });

  test("one that comes into a snapshot has changed, one that leaves has not", () => {
    const there = marked({ noted: 0, written: 5 });
    expect([...changesBetween(EMPTY, there).workloads.keys()]).toEqual(["env:e"]);
    expect([...changesBetween(there, EMPTY).workloads.keys()]).toEqual([]);
  });

  test.each([
    ["a new reading", card("g", { utilizationPercent: 99 }), 1, 0],
    ["another sample of the same", card("g", { sampledMs: 1 }), 1, 0],
    ["another state", card("g", { state: "ill" }), 0, 1],
    ["another holder", card("g", { holders: new Map([["env:e", OF_ADA]]) }), 1, 1],
    ["nothing new", card("g"), 0, 0],
  ])("a card with %s", (_what, after, cards, hosts) => {
    const changes = changesBetween({ ...EMPTY, fleet: fleet(card("g")) }, { ...EMPTY, fleet: fleet(after) });
    expect([changes.cards.length, changes.hosts.size]).toEqual([cards, hosts]);
  });

  test("hosts that come, go or appear different, and cards that do", () => {
    const two = {
      ...EMPTY,
      fleet: {
        hosts: new Map([
          ["h", "up"],
          ["i", "up"],
        ]),
        cards: new Map(),
      },
    };
    const one = { ...EMPTY, fleet: { hosts: new Map([["h", "down"]]), cards: new Map() } };
    expect([...changesBetween(two, one).hosts]).toEqual(["h", "i"]);
    expect([...changesBetween(one, two).hosts]).toEqual(["h", "i"]);
    const without = { ...EMPTY, fleet: fleet() };
    const withCard = { ...EMPTY, fleet: fleet(card("g")) };
    expect([...changesBetween(withCard, without).hosts]).toEqual(["h"]);
    expect([...changesBetween(without, withCard).hosts]).toEqual(["h"]);
  });

  test("the first snapshot of hosts is no change of theirs", () => {
    expect(changesBetween(EMPTY, { ...EMPTY, fleet: fleet(card("g")) }).hosts.size).toBe(0);
  });

  test("costs that are other than before", () => {
    const cost = (costSoFar: string): Snapshot => ({
      ...EMPTY,
      costs: new Map([["env:e", { id: "e", costSoFar, ratePerHour: "1", ...OF_ADA }]]),
    });
    expect(changesBetween(cost("1"), cost("1")).costs).toEqual([]);
    expect(changesBetween(cost("1"), cost("2")).costs).toHaveLength(1);
  });
});
