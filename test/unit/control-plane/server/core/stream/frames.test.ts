import { describe, expect, test } from "vitest";
import { eventId, framesOf, placeOf } from "@remotegpu/control-plane/server/core/stream/frames";
import { NOTHING } from "@remotegpu/control-plane/server/core/stream/updates";
import { EventReader } from "@remotegpu/dashboard/live/sse";
import { card, OF_ADA } from "../../../../../support/samples/stream-snapshots.ts";

describe("as events", () => {
  const place = { life: "a1", number: 7 };

  test("each has the id of its snapshot, and is one line whatever stands in it", () => {
    const reported = {
      resync: true,
      changes: new Map([
        ["workloads", new Set(["e\n\nevent: closed"])],
        ["queue", null],
        ["env:e:1", null],
      ]),
      cards: [card("g", { powerW: null, sampledMs: 1_000 })],
      costs: [{ id: "e", costSoFar: "1.0000", ratePerHour: null, ...OF_ADA }],
    };
    expect(framesOf(reported, place).trimEnd().split("\n\n")).toEqual([
      "id: a1-7\nevent: resync\ndata: {}",
      'id: a1-7\nevent: change\ndata: {"topic":"workloads","id":"e\\n\\nevent: closed","version":7}',
      'id: a1-7\nevent: change\ndata: {"topic":"queue","id":null,"version":7}',
      'id: a1-7\nevent: change\ndata: {"topic":"env:e:1","id":"e:1","version":7}',
      'id: a1-7\nevent: gpu\ndata: {"columns":["uuid","utilization_percent","memory_used_mib","temperature_c","power_w","sampled_at"],"rows":[["g",1,2,3,null,"1970-01-01T00:00:01.000Z"]]}',
      'id: a1-7\nevent: cost\ndata: [{"id":"e","cost_so_far":"1.0000","rate_per_hour":null}]',
    ]);
  });

  test("values of many cards and workloads come in words of a thousand, each once and in order", () => {
    const numbers = Array.from({ length: 2_001 }, (_, nth) => nth);
    const reported = {
      ...NOTHING,
      cards: numbers.map((nth) => card(`GPU-${nth}`, {})),
      costs: numbers.map((nth) => ({ id: `e-${nth}`, costSoFar: "1.0000", ratePerHour: null, ...OF_ADA })),
    };

    const words = new EventReader().read(framesOf(reported, place));
    const of = (name: string) =>
      words.filter((word) => word.name === name).map(({ data }) => JSON.parse(data) as unknown);

    const cards = of("gpu") as { rows: [string][] }[];
    expect(cards.map(({ rows }) => rows.length)).toEqual([1_000, 1_000, 1]);
    expect(cards.flatMap(({ rows }) => rows.map(([uuid]) => uuid))).toEqual(
      numbers.map((nth) => `GPU-${nth}`),
    );
    const costs = of("cost") as { id: string }[][];
    expect(costs.flat().map(({ id }) => id)).toEqual(numbers.map((nth) => `e-${nth}`));
    expect(Math.max(...costs.map((word) => word.length))).toBe(1_000);
  });

  test("an id is read back, and what is none is nobody's", () => {
    expect(placeOf(eventId(place))).toEqual(place);
    for (const id of ["", "a1", "a1-", "a1-x", "-7", "a 1-7", `a1-${"9".repeat(16)}`])
      expect(placeOf(id)).toBeNull();
  });
});
