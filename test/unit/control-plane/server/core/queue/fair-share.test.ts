import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FairShare,
  type Sharer,
  type Sharers,
  type Sharing,
} from "@remotegpu/control-plane/server/core/queue/fair-share";
import { type Amounts, dominantShare, NOTHING, plus } from "@remotegpu/control-plane/server/core/queue/share";
import { prepareQueue, queueOrder, type Waiting } from "@remotegpu/control-plane/server/core/queue/queue";

const MINUTE_MS = 60_000;
const NOW = 1_000_000 * MINUTE_MS;
const FLEET: Amounts = { cpuMilli: 100_000, memoryMib: 100_000, gpuThousandths: 100_000 };
const gpus = (count: number): Amounts => ({ ...NOTHING, gpuThousandths: count * 1_000 });

function order(id: string, payer: string, change: Partial<Waiting> = {}): Waiting {
  return { id, payer, workspace: `${payer}-home`, priority: 0, orderedAtMs: NOW, demand: gpus(1), ...change };
}

const orders = (payer: string, count: number, change: Partial<Waiting> = {}) =>
  Array.from({ length: count }, (_, index) => order(`${payer}${index}`, payer, change));
const had = (amounts: Amounts, change: Partial<Sharer> = {}): Sharer => ({
  had: amounts,
  weight: 1,
  lastStartMs: NOW,
  ...change,
});

function line(waiting: readonly Waiting[], sharers: Partial<Sharers> = {}): Waiting[] {
  const all = { payers: new Map(), workspaces: new Map(), capacity: FLEET, now: NOW, ...sharers };
  const { payers } = prepareQueue(waiting, { head: null, now: NOW });
  return [...new FairShare<Waiting>(all).inTurns(payers)];
}
const ids = (waiting: readonly Sharing[]) => waiting.map(({ id }) => id);

test("the example of the paper: of 9 CPU and 18 GB one payer has 3 tasks of <1 CPU, 4 GB>, the other 2 of <3 CPU, 1 GB>", () => {
  const fleet = { cpuMilli: 9_000, memoryMib: 18 * 1_024, gpuThousandths: 0 };
  const waiting = [
    ...orders("a", 9, { demand: { cpuMilli: 1_000, memoryMib: 4 * 1_024, gpuThousandths: 0 } }),
    ...orders("b", 9, { demand: { cpuMilli: 3_000, memoryMib: 1_024, gpuThousandths: 0 } }),
  ];

  const turns = new FairShare<Waiting>({
    payers: new Map(),
    workspaces: new Map(),
    capacity: fleet,
    now: NOW,
  }).inTurns(prepareQueue(waiting, { head: null, now: NOW }).payers);
  let held = NOTHING;
  const started: string[] = [];
  for (let next = turns.next(); next.done !== true;) {
    const after = plus(held, next.value.demand);
    const fits = after.cpuMilli <= fleet.cpuMilli && after.memoryMib <= fleet.memoryMib;
    if (fits) {
      held = after;
      started.push(next.value.payer);
    }
    next = turns.next(fits);
  }

  expect(started.filter((payer) => payer === "a")).toHaveLength(3);
  expect(started.filter((payer) => payer === "b")).toHaveLength(2);
});

test("whoever has least comes first, though it waits for less long", () => {
  const waiting = [order("old", "busy", { orderedAtMs: NOW - 30_000 }), order("new", "idle")];

  expect(ids(line(waiting, { payers: new Map([["busy", had(gpus(1))]]) }))).toEqual(["new", "old"]);
});

test("payers that have the same take turns, however many orders one of them has", () => {
  const waiting = [...orders("a", 4, { orderedAtMs: NOW - 1 }), ...orders("b", 2)];

  expect(ids(line(waiting))).toEqual(["a0", "b0", "a1", "b1", "a2", "a3"]);
});

test("twice the weight has two turns for one", () => {
  const payers = new Map([["b", had(NOTHING, { weight: 2 })]]);

  expect(ids(line([...orders("a", 3), ...orders("b", 6)], { payers }))).toEqual([
    "a0",
    "b0",
    "b1",
    "a1",
    "b2",
    "b3",
    "a2",
    "b4",
    "b5",
  ]);
});

test("the workspaces of one payer take turns by their own weights, and count together beside other payers", () => {
  const inLab = orders("a", 4, { workspace: "lab" });
  const atHome = orders("A", 2, { payer: "a", workspace: "home" });
  const workspaces = new Map([["lab", had(NOTHING, { weight: 2 })]]);

  expect(ids(line([...inLab, ...atHome, ...orders("b", 3)], { workspaces }))).toEqual([
    "A0",
    "b0",
    "a0",
    "b1",
    "a1",
    "b2",
    "A1",
    "a2",
    "a3",
  ]);
});

test("what is reported to have found no place, and what is on hold, counts for nobody", () => {
  const waiting = [
    ...orders("a", 2, { orderedAtMs: NOW - 2, heldBack: asReported("Waiting for price.") }),
    order("a2", "a", { orderedAtMs: NOW - 1 }),
    ...orders("b", 2),
  ];
  const all = { payers: new Map(), workspaces: new Map(), capacity: FLEET, now: NOW };
  const turns = new FairShare<Waiting>(all).inTurns(prepareQueue(waiting, { head: null, now: NOW }).payers);

  expect(ids(line(waiting))).toEqual(["a0", "a1", "a2", "b0", "b1"]);
  expect(
    [turns.next(), turns.next(false), turns.next(false), turns.next(false)].map(({ value }) => value?.id),
  ).toEqual(["a0", "a1", "a2", "b0"]);
});

test.each([
  { what: "less than a thousandth of the fleet for each minute", minutes: 9, first: "idle" },
  { what: "a thousandth for each minute, and the elder order", minutes: 10, first: "busy" },
])("waiting makes up for a share of ten thousandths: $what", ({ minutes, first }) => {
  const payers = new Map([["busy", had(gpus(1), { lastStartMs: null })]]);
  const waiting = [order("new", "idle"), order("old", "busy", { orderedAtMs: NOW - minutes * MINUTE_MS })];

  expect(line(waiting, { payers })[0]?.payer).toBe(first);
});

test("a place that is given begins the waiting anew: a long line of old orders is worth one", () => {
  const hoard = orders("busy", 50, { orderedAtMs: NOW - 1_000_000 * MINUTE_MS });
  const payers = new Map([["busy", had(gpus(40), { lastStartMs: null })]]);
  const waiting = [...hoard, ...orders("idle", 20)];

  const ahead = line(waiting, { payers }).slice(0, 21);

  expect(ahead.map(({ payer }) => payer)).toEqual(["busy", ...Array(20).fill("idle")]);
});

describe("what waits longest of its payer", () => {
  const HOUR = 60;
  const small: Amounts = { ...NOTHING, cpuMilli: 10 };
  const large = order("large", "busy", { demand: gpus(20), orderedAtMs: NOW - 10 * HOUR * MINUTE_MS });
  const later = order("later", "busy", { demand: gpus(20), orderedAtMs: NOW - 9 * HOUR * MINUTE_MS });
  const busy = (change: Partial<Sharer>) => new Map([["busy", had(gpus(40), change)]]);
  const first = (waiting: readonly Waiting[], payers: ReadonlyMap<string, Sharer>) => {
    const all = { payers, workspaces: new Map(), capacity: FLEET, now: NOW };
    return [...queueOrder(prepareQueue(waiting, { head: null, now: NOW }), all)][0]?.id;
  };

  test("keeps its waiting over starts that were not its turn", () => {
    const waiting = [large, order("new", "idle")];

    // It holds 400 thousandths, and has waited 600 minutes.
    expect(first(waiting, busy({ lastStartMs: NOW, lastTurnMs: null }))).toBe("large");
    expect(first(waiting, busy({ lastStartMs: NOW, lastTurnMs: NOW }))).toBe("new");
    expect(first(waiting, busy({ lastStartMs: NOW }))).toBe("new");
  });

  test("is one: the others of the payer have waited since its last start", () => {
    const held = { ...large, heldBack: asReported("Waiting for funds.") };

    expect(first([later, order("new", "idle")], busy({ lastStartMs: NOW, lastTurnMs: null }))).toBe("later");
    expect(
      first([large, later, order("new", "idle")].slice(1), busy({ lastStartMs: NOW, lastTurnMs: NOW })),
    ).toBe("new");
    // What may not start keeps nobody's waiting, and is in nobody's way.
    const line = [held, later, order("new", "idle")];
    const all = {
      payers: busy({ lastStartMs: NOW, lastTurnMs: null }),
      workspaces: new Map(),
      capacity: FLEET,
      now: NOW,
    };
    expect(ids([...queueOrder(prepareQueue(line, { head: null, now: NOW }), all)])).toEqual([
      "large",
      "later",
      "new",
    ]);
  });

  test("is passed over by starts that were nobody's turn, and a long line of old orders is worth one still", () => {
    const fillers = orders("busy", 50, { demand: small, orderedAtMs: NOW - HOUR * MINUTE_MS });
    const waiting = [large, ...fillers, ...orders("idle", 5)];
    const all = {
      payers: busy({ lastStartMs: NOW, lastTurnMs: null }),
      workspaces: new Map(),
      capacity: FLEET,
      now: NOW,
    };

    const ahead = [...queueOrder(prepareQueue(waiting, { head: null, now: NOW }), all)].slice(0, 6);

    expect(ahead.map(({ payer }) => payer)).toEqual(["busy", ...Array(5).fill("idle")]);
  });
});

const anyAmounts = fc.record({
  cpuMilli: fc.integer({ min: 0, max: 9_000 }),
  memoryMib: fc.integer({ min: 0, max: 9_000 }),
  gpuThousandths: fc.integer({ min: 0, max: 9_000 }),
});
const PAYERS = ["a", "b", "c", "d"];
const anySharers = fc.dictionary(
  fc.constantFrom(...PAYERS),
  fc.record({ had: anyAmounts, weight: fc.integer({ min: 1, max: 4 }), lastStartMs: fc.constant(NOW) }),
);
const anyOrders = fc.array(fc.record({ payer: fc.constantFrom(...PAYERS), demand: anyAmounts }), {
  maxLength: 30,
});

test("at every place stands an order of the payer whose share by weight was least until then", () => {
  fc.assert(
    fc.property(anyOrders, anySharers, (drawn, sharers) => {
      const waiting = drawn.map(({ payer, demand }, index) =>
        order(String(index).padStart(3, "0"), payer, { demand }),
      );
      const all = new Map(PAYERS.map((name) => [name, { ...(sharers[name] ?? had(NOTHING)) }]));

      const left = [...waiting];
      for (const next of line(waiting, { payers: new Map(Object.entries(sharers)) })) {
        const ratio = (payer: string) => {
          const { had: has, weight } = all.get(payer) ?? had(NOTHING);
          return dominantShare(has, FLEET) / weight;
        };
        for (const { payer } of left) expect(ratio(next.payer)).toBeLessThanOrEqual(ratio(payer));
        left.splice(left.indexOf(next), 1);
        const sharer = all.get(next.payer);
        if (sharer !== undefined) sharer.had = plus(sharer.had, next.demand);
      }
      expect(left).toEqual([]);
    }),
  );
});

test("splitting an order gains nothing: no more of its payer's stands before anybody else than when it was whole", () => {
  fc.assert(
    fc.property(anyOrders, fc.integer({ min: 1, max: 5 }), fc.nat(), (drawn, count, which) => {
      const whole = drawn.map(({ payer, demand }, index) =>
        order(String(index).padStart(3, "0"), payer, {
          demand: { ...demand, gpuThousandths: demand.gpuThousandths * count },
        }),
      );
      const one = whole[which % Math.max(1, whole.length)];
      if (one === undefined) return;
      const part = (amount: number, nth: number) =>
        Math.floor(amount / count) + (nth < amount % count ? 1 : 0);
      const parts = Array.from({ length: count }, (_, nth) => ({
        ...one,
        id: `${one.id}-${nth}`,
        demand: {
          cpuMilli: part(one.demand.cpuMilli, nth),
          memoryMib: part(one.demand.memoryMib, nth),
          gpuThousandths: part(one.demand.gpuThousandths, nth),
        },
      }));
      const split = whole.flatMap((each) => (each === one ? parts : [each]));

      const before = aheadOf(line(whole), one.payer);
      const after = aheadOf(line(split), one.payer);

      for (const [id, ahead] of after) expect(ahead).toBeLessThanOrEqual(before.get(id) ?? 0);
    }),
  );
});

/** How much of the payer's stands before each order of others. */
function aheadOf(waiting: readonly Waiting[], payer: string): Map<string, number> {
  let ahead = NOTHING;
  const found = new Map<string, number>();
  for (const one of waiting) {
    if (one.payer === payer) ahead = plus(ahead, one.demand);
    else found.set(one.id, dominantShare(ahead, FLEET));
  }
  return found;
}
