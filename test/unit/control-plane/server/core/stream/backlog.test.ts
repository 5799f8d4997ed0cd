import { describe, expect, test } from "vitest";
import { Backlog } from "@remotegpu/control-plane/server/core/stream/backlog";
import { NOTHING } from "@remotegpu/control-plane/server/core/stream/updates";
import { card, OF_ADA } from "../../../../../support/samples/stream-snapshots.ts";

describe("what is not read", () => {
  test("does not grow: each topic, card and workload once, with the last of each", () => {
    const backlog = new Backlog();
    for (let n = 0; n < 1_000; n += 1)
      backlog.add({
        resync: false,
        changes: new Map([
          ["workloads", new Set([`e${n}`])],
          ["queue", null],
        ]),
        cards: [card("g", { utilizationPercent: n })],
        costs: [{ id: "e", costSoFar: String(n), ratePerHour: "1", ...OF_ADA }],
      });

    const { changes, cards, costs } = backlog.take();

    expect(Object.fromEntries(changes)).toEqual({ workloads: null, queue: null });
    expect(cards.map((one) => one.utilizationPercent)).toEqual([999]);
    expect(costs.map(({ costSoFar }) => costSoFar)).toEqual(["999"]);
    expect([backlog.isEmpty, backlog.take()]).toEqual([true, NOTHING]);
  });

  test("names a few ids together, and is gone where everything is requested again", () => {
    const backlog = new Backlog();
    const reported = (id: string) => ({ ...NOTHING, changes: new Map([["workloads", new Set([id])]]) });
    backlog.add(reported("a"));
    backlog.add(reported("b"));
    expect(backlog.take().changes.get("workloads")).toEqual(new Set(["a", "b"]));
    backlog.add(reported("c"));
    backlog.add({ ...NOTHING, resync: true });
    expect(backlog.take()).toEqual({ ...NOTHING, resync: true });
  });
});
