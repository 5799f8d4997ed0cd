import { describe, expect, test } from "vitest";
import { changesBetween, type WorkloadCost } from "@remotegpu/control-plane/server/core/stream/snapshot";
import { MAX_NAMED, NOTHING, updateFor } from "@remotegpu/control-plane/server/core/stream/updates";
import type { Sight } from "@remotegpu/control-plane/server/core/stream/topics";
import {
  ADA,
  ADMIN,
  card,
  EMPTY,
  fleet,
  marked,
  OF_ADA,
  OF_BOB,
} from "../../../../../support/samples/stream-snapshots.ts";

describe("a listener is notified", () => {
  const all = new Set(["fleet", "queue", "alarms", "workloads", "billing", "gpu", "cost", "env:e", "host:h"]);
  const costs = (owner = OF_ADA): ReadonlyMap<string, WorkloadCost> =>
    new Map([["env:e", { id: "e", costSoFar: "1", ratePerHour: "2", ...owner }]]);
  const everything = changesBetween(EMPTY, {
    ...marked({ noted: 1, written: 0 }),
    accounts: new Map([[1, { noted: 0, written: 1 }]]),
    notedHosts: new Map([["h", { noted: 1, written: 0 }]]),
    queue: { noted: 1, written: 0 },
    alarmStamp: "1 1",
    fleet: fleet(card("g", { holders: new Map([["env:e", OF_ADA]]) }), card("free")),
    costs: costs(),
  });

  test("what they listen to", () => {
    const reported = updateFor({ topics: all, sight: ADMIN }, everything);
    expect(Object.fromEntries(reported.changes)).toEqual({
      workloads: new Set(["e"]),
      "env:e": null,
      fleet: new Set(["h"]),
      "host:h": null,
      queue: null,
      alarms: null,
      billing: null,
    });
    expect([reported.cards.length, reported.costs.length]).toEqual([2, 1]);
    expect(updateFor({ topics: new Set(), sight: ADMIN }, everything)).toEqual(NOTHING);
  });

  test("of workloads, cards, costs and money what they may see", () => {
    const reported = updateFor({ topics: all, sight: ADA }, everything);
    expect(reported.cards.map(({ uuid }) => uuid)).toEqual(["g"]);
    const bob: Sight = { ...ADA, customerId: 2, payerIds: new Set([2]) };
    const others = updateFor({ topics: all, sight: bob }, everything);
    expect([...others.changes.keys()].filter((topic) => /workloads|env|billing/.test(topic))).toEqual([]);
    expect([others.cards, others.costs]).toEqual([[], []]);
  });

  test.each([
    [MAX_NAMED, MAX_NAMED],
    [MAX_NAMED + 1, null],
  ])("of %i workloads in a second by their ids, or together", (count, ids) => {
    const workloads = new Map(
      Array.from({ length: count }, (_, n) => [`env:${n}`, { stamp: { noted: 1, written: 0 }, ...OF_ADA }]),
    );
    const changes = changesBetween(EMPTY, { ...EMPTY, workloads });
    expect(updateFor({ topics: all, sight: ADA }, changes).changes.get("workloads")?.size ?? null).toBe(ids);
  });

  test("of more than can be checked, to request everything again", () => {
    const changes = changesBetween(EMPTY, { ...EMPTY, isBeyondBounds: true });
    expect(updateFor({ topics: all, sight: ADA }, changes)).toEqual({ ...NOTHING, resync: true });
  });

  test("nothing of a workload of others, whatever its id", () => {
    const changes = changesBetween(EMPTY, marked({ noted: 1, written: 0 }, OF_BOB));
    expect(updateFor({ topics: all, sight: ADA }, changes)).toEqual(NOTHING);
  });
});
