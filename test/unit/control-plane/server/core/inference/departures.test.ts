import { describe, expect, test } from "vitest";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import {
  beyond,
  drained,
  leavingOf,
  type Moving,
  replaced,
} from "@remotegpu/control-plane/server/core/inference/departures";
import type { Replica } from "@remotegpu/control-plane/server/core/inference/replica";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { aDraining, aReplica, aStarting, aWaiting } from "../../../../../support/samples/a-replica.ts";

const ranks = (replicas: readonly Replica[]) => replicas.map(({ rank }) => rank);

function moving(replica: Replica, after: Moving["fate"]["after"]): Moving {
  if (replica.place === null) throw new Error("what moves has a place");
  return { replica, place: replica.place, fate: { kind: "moves", why: asReported("Its host goes."), after } };
}

describe("beyond the number", () => {
  const all = [aReplica(0), aReplica(1), aReplica(2, { serving: "no" }), aStarting(3), aWaiting(4)];

  test.each([
    [5, []],
    [4, [4]],
    [3, [4, 3]],
    [2, [4, 3, 2]],
    [1, [4, 3, 2, 1]],
    [0, [4, 3, 2, 1, 0]],
  ])("of five, %i are wanted: what does least goes first, then the newest", (wanted, gone) => {
    expect(ranks(beyond(all, wanted))).toEqual(gone);
  });

  test("one whose host is not heard goes before a newer one that is known to serve, and after what does not", () => {
    const unheard = aReplica(0, { silentForMs: MS_PER_MINUTE });

    expect(ranks(beyond([unheard, aReplica(1), aStarting(2)], 1))).toEqual([2, 0]);
  });
});

describe("what moves goes", () => {
  test("once as many others serve, or have a place where its host is silent", () => {
    const ready = moving(aReplica(0), "ready");
    const silent = moving(aReplica(0, { silentForMs: 9 * MS_PER_MINUTE }), "placed");

    expect(replaced([ready], [aStarting(1)], 1)).toEqual([]);
    expect(replaced([ready], [aReplica(1)], 1)).toHaveLength(1);
    expect(replaced([silent], [aStarting(1)], 1)).toHaveLength(1);
    expect(replaced([silent], [aWaiting(1)], 1)).toEqual([]);
  });

  test("free since its replacement was placed", () => {
    const silent = moving(aReplica(0, { silentForMs: 9 * MS_PER_MINUTE }), "placed");
    const [gone] = replaced([silent], [aStarting(1, { placedForMs: 3 * MS_PER_MINUTE })], 1);

    expect(gone && leavingOf(gone)).toEqual({
      rank: 0,
      why: asReported("Its host goes."),
      freeForMs: 3 * MS_PER_MINUTE,
      cause: "host",
      failure: null,
    });
  });
});

describe("what is drained leaves", () => {
  const over = { gateways: [], streams: 0 };

  test.each([
    ["once nothing is open there", aDraining(1, over), ["Scaled down to 1."]],
    ["not while something is", aDraining(1), []],
    ["where nobody gets an answer of it", aDraining(1, {}, { state: "failed" }), ["Scaled down to 1."]],
    [
      "when its time is up",
      aDraining(1, { forMs: 600_000 }),
      ["Scaled down to 1. What was still open there after 600 seconds was cut off."],
    ],
    ["and what is not drained stays", aReplica(1), []],
  ])("%s", (_, replica, why) => {
    expect(inWords(drained([replica], 600_000).map((leaving) => leaving.why))).toEqual(why);
  });
});
