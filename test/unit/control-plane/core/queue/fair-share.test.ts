import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  byShare,
  FAIR_SHARE_WINDOW_SECONDS,
  inTurns,
  NOMINAL_SECONDS,
  type Share,
  type Sharing,
} from "@remotegpu/control-plane/core/queue/fair-share";

const ONE_GPU = 1_000;

function order(id: string, workspace: string, change: Partial<Sharing> = {}): Sharing {
  return {
    id,
    workspace,
    orderedAtMs: 0,
    gpuShareThousandths: ONE_GPU,
    limitSeconds: null,
    ...change,
  };
}

const orders = (workspace: string, count: number, change: Partial<Sharing> = {}) =>
  Array.from({ length: count }, (_, index) => order(`${workspace}${index}`, workspace, change));
const had = (usedShareSeconds: number, weight = 1): Share => ({ usedShareSeconds, weight });
const ids = (line: Iterable<Sharing>) => [...line].map(({ id }) => id);

test("whoever had least GPU time comes first, though it waits for less long", () => {
  const line = inTurns(
    [order("old", "busy", { orderedAtMs: 1 }), order("new", "idle", { orderedAtMs: 2 })],
    new Map([["busy", had(1)]]),
  );

  expect(ids(line)).toEqual(["new", "old"]);
});

test("workspaces that had the same take turns, however many orders one of them has", () => {
  const line = inTurns([...orders("a", 4), ...orders("b", 2, { orderedAtMs: 9 })], new Map());

  expect(ids(line)).toEqual(["a0", "b0", "a1", "b1", "a2", "a3"]);
});

test("twice the weight has two turns for one", () => {
  const line = inTurns([...orders("a", 3), ...orders("b", 6)], new Map([["b", had(0, 2)]]));

  expect(ids(line)).toEqual(["a0", "b0", "b1", "a1", "b2", "b3", "a2", "b4", "b5"]);
});

test("what was had before is caught up with first", () => {
  const ofTwo = 2 * ONE_GPU * NOMINAL_SECONDS;

  const line = inTurns([...orders("a", 4), ...orders("b", 3)], new Map([["a", had(ofTwo)]]));

  expect(ids(line)).toEqual(["b0", "b1", "a0", "b2", "a1", "a2", "a3"]);
});

test("large work ahead in the line counts by its GPUs and by its time limit", () => {
  const large = order("a-large", "a", { gpuShareThousandths: 2 * ONE_GPU });
  const brief = (id: string) => order(id, "b", { limitSeconds: NOMINAL_SECONDS / 2 });
  const line = inTurns(
    [large, order("a-next", "a"), ...["b1", "b2", "b3", "b4", "b5"].map(brief)],
    new Map(),
  );

  expect(ids(line)).toEqual(["a-large", "b1", "b2", "b3", "b4", "a-next", "b5"]);
});

test("a limit beyond the window counts as the window, since no more of it will ever be counted", () => {
  const shares = new Map<string, Share>();

  ids(inTurns([order("endless", "a", { limitSeconds: 10 * FAIR_SHARE_WINDOW_SECONDS })], shares));

  expect(shares.get("a")).toEqual(had(ONE_GPU * FAIR_SHARE_WINDOW_SECONDS));
});

test("work without a GPU takes turns, too", () => {
  const line = inTurns(
    [...orders("a", 2, { gpuShareThousandths: 0 }), ...orders("b", 2, { gpuShareThousandths: 0 })],
    new Map(),
  );

  expect(ids(line)).toEqual(["a0", "b0", "a1", "b1"]);
});

test("equal shares fall back to age, then to the id in code unit order", () => {
  const line = inTurns(
    [
      order("Z", "v", { orderedAtMs: 1 }),
      order("a", "w", { orderedAtMs: 1 }),
      order("A", "x", { orderedAtMs: 2 }),
    ],
    new Map(),
  );

  expect(ids(line)).toEqual(["Z", "a", "A"]);
});

test("shares are compared exactly where products no longer fit a double", () => {
  const most = Number.MAX_SAFE_INTEGER;

  expect(byShare(had(most, most), had(most - 1, most - 1))).toBe(0);
  expect(byShare(had(most, most), had(most - 1, most))).toBeGreaterThan(0);
  expect(byShare(had(most - 1, most), had(most, most))).toBeLessThan(0);
  // As doubles the two products are equal.
  expect(byShare(had(2 ** 52 + 1, 2 ** 52), had(2 ** 52, 2 ** 52 - 1))).toBeLessThan(0);
});

test("a workspace that had beyond all counting stays last", () => {
  const line = inTurns(
    [...orders("a", 2), ...orders("b", 3)],
    new Map([["a", had(Number.MAX_SAFE_INTEGER)]]),
  );

  expect(ids(line)).toEqual(["b0", "b1", "b2", "a0", "a1"]);
});

test("at every place stands the oldest order of the workspace that had least until then", () => {
  const anyOrders = fc.array(
    fc.record({
      workspace: fc.constantFrom("a", "b", "c", "d", "e"),
      gpuShareThousandths: fc.integer({ min: 0, max: 8_000 }),
      limitSeconds: fc.option(fc.integer({ min: 1, max: 900_000 })),
    }),
    { maxLength: 40 },
  );
  const anyShare = fc.record({ usedShareSeconds: fc.nat(), weight: fc.integer({ min: 1, max: 5 }) });
  const anyShares = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "e"), anyShare);
  fc.assert(
    fc.property(anyOrders, anyShares, (drawn, shares) => {
      const waiting = drawn.map((rest, index) => ({ ...rest, id: `${index}`, orderedAtMs: index }));
      const used = new Map(["a", "b", "c", "d", "e"].map((name) => [name, { ...(shares[name] ?? had(0)) }]));

      const line = inTurns(waiting, new Map(Object.entries(structuredClone(shares))));

      const left = [...waiting];
      for (const next of line) {
        const fronts = new Map(left.toReversed().map((order) => [order.workspace, order]));
        const ratio = ({ workspace }: Sharing) => {
          const { usedShareSeconds, weight } = used.get(workspace) ?? had(0);
          return usedShareSeconds / weight;
        };
        const [least] = [...fronts.values()].sort(
          (a, b) => ratio(a) - ratio(b) || a.orderedAtMs - b.orderedAtMs,
        );
        expect(next).toBe(least);
        left.splice(left.indexOf(next), 1);
        const share = used.get(next.workspace);
        const seconds = Math.min(next.limitSeconds ?? NOMINAL_SECONDS, FAIR_SHARE_WINDOW_SECONDS);
        if (share !== undefined) share.usedShareSeconds += Math.max(1, next.gpuShareThousandths) * seconds;
      }
      expect(left).toEqual([]);
    }),
  );
});
