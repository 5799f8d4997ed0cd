import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UnsoundFleetError } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import {
  type CardDemand,
  FleetState,
  IDLE,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { CLOSED, aGpu, aHost, gpusOf } from "../../../../../../support/placement/fleet.ts";

const demand = (amount: number) => ({ cpuMilli: amount, memoryMib: amount, tempStorageMib: amount });
const whole = (card: number): CardDemand => ({ card, memoryMib: null, shareThousandths: 1000 });
const slice = (card: number, memoryMib: number, shareThousandths: number): CardDemand => ({
  card,
  memoryMib,
  shareThousandths,
});

function twoHosts(): FleetState {
  return new FleetState({
    hosts: [aHost({ id: "b", gpus: gpusOf("b", 1) }), aHost({ id: "a", gpus: gpusOf("a", 2) })],
  });
}

describe("columns", () => {
  test("hosts stand by their ids and cards by memory, then index; both are found by their names", () => {
    const gpus = [
      aGpu({ uuid: "large", index: 0, memoryMib: 80_000 }),
      aGpu({ uuid: "second", index: 2 }),
      aGpu({ uuid: "first", index: 1 }),
    ];

    const state = new FleetState({ hosts: [aHost({ id: "b", gpus }), aHost({ id: "a" })] });

    expect([state.ordinalOf("a"), state.ordinalOf("b"), state.ordinalOf("c")]).toEqual([0, 1, null]);
    expect(["first", "second", "large", "none"].map((uuid) => state.cardOf(uuid))).toEqual([0, 1, 2, null]);
    expect([...state.firstCard]).toEqual([0, 0, 3]);
  });

  test("cards of one model and size are one kind", () => {
    const gpus = [
      aGpu({ uuid: "1", index: 0 }),
      aGpu({ uuid: "2", index: 1, model: "NVIDIA H100" }),
      aGpu({ uuid: "3", index: 2 }),
      aGpu({ uuid: "4", index: 3, memoryMib: 24_577 }),
    ];

    const { kinds, kindOf } = new FleetState({ hosts: [aHost({ gpus })] });

    expect([...kindOf]).toEqual([0, 1, 0, 2]);
    expect(kinds).toEqual([
      { model: "NVIDIA L4", memoryMib: 24_576 },
      { model: "NVIDIA H100", memoryMib: 24_576 },
      { model: "NVIDIA L4", memoryMib: 24_577 },
    ]);
  });

  test("of closed cards nothing counts as free on the host", () => {
    const gpus = [aGpu({ closed: CLOSED }), aGpu({ uuid: "2", index: 1, use: "shared" })];

    const { freeGpu, isOpen } = new FleetState({ hosts: [aHost({ gpus })] });

    expect([...freeGpu]).toEqual([500]);
    expect([...isOpen]).toEqual([0, 1]);
  });

  test("of each kind counts what is free on open cards of open hosts, whatever is taken and given", () => {
    const gpus = [
      ...gpusOf("a", 2),
      aGpu({ uuid: "closed", index: 2, closed: CLOSED }),
      aGpu({ uuid: "other", index: 3, model: "NVIDIA H100" }),
    ];
    const cordoned = aHost({ id: "b", closed: CLOSED, gpus: gpusOf("b", 1) });
    const state = new FleetState({ hosts: [aHost({ id: "a", gpus }), cordoned] });
    expect([...state.freeOfKind]).toEqual([2000, 1000]);

    const before = state.rowOf(0);
    state.take(0, demand(0), [whole(0), slice(3, 100, 300)]);
    state.take(1, demand(0), [whole(4)]);
    expect([...state.freeOfKind]).toEqual([1000, 700]);

    state.give(0, demand(0), [whole(0)]);
    expect([...state.freeOfKind]).toEqual([2000, 700]);

    state.setRow(0, before);
    expect([...state.freeOfKind]).toEqual([2000, 1000]);
  });

  test("a contradiction is refused before anything is built", () => {
    expect(() => new FleetState({ hosts: [aHost({ freeCpuMilli: -1 })] })).toThrow(UnsoundFleetError);
  });

  test("a fleet without hosts is one", () => {
    const state = new FleetState({ hosts: [] });

    expect(state.toFleet()).toEqual({ hosts: [] });
    expect(state.changedSince(0)).toMatchObject({ from: 0, to: 0 });
  });
});

describe("taking and giving", () => {
  test("a whole card is exclusive with nothing left, and idle when given back", () => {
    const state = twoHosts();

    state.take(0, demand(10), [whole(1)]);

    expect(state.capacityOf(0)).toMatchObject({
      freeCpuMilli: 15_990,
      freeMemoryMib: 65_526,
      freeTempStorageMib: 99_990,
      gpus: [{ use: "idle" }, { use: "exclusive", freeShareThousandths: 0, freeMemoryMib: 0 }],
    });
    expect(state.freeGpu[0]).toBe(1000);

    state.give(0, demand(10), [whole(1)]);

    expect(state.toFleet()).toEqual(twoHosts().toFleet());
    expect(state.freeGpu[0]).toBe(2000);
  });

  test("a card stays shared until its last slice is given back", () => {
    const state = twoHosts();
    const one = slice(0, 8_192, 400);
    const other = slice(0, 16_384, 600);

    state.take(0, demand(0), [one]);
    state.take(0, demand(0), [other]);
    expect(state.capacityOf(0).gpus[0]).toMatchObject({
      use: "shared",
      freeShareThousandths: 0,
      freeMemoryMib: 0,
    });

    state.give(0, demand(0), [one]);
    expect(state.capacityOf(0).gpus[0]).toMatchObject({
      use: "shared",
      freeShareThousandths: 400,
      freeMemoryMib: 8_192,
    });

    state.give(0, demand(0), [other]);
    expect(state.use[0]).toBe(IDLE);
  });

  test("a card that is closed gives its share back, but not to what is free", () => {
    const gpus = [aGpu({ use: "exclusive", closed: CLOSED })];
    const state = new FleetState({ hosts: [aHost({ gpus })] });

    state.give(0, demand(0), [whole(0)]);

    expect(state.freeShare[0]).toBe(1000);
    expect(state.freeGpu[0]).toBe(0);
  });

  test("the input stays as it is", () => {
    const fleet = { hosts: [aHost({ gpus: [aGpu()] })] };
    const before = structuredClone(fleet);

    new FleetState(fleet).take(0, demand(1), [whole(0)]);

    expect(fleet).toEqual(before);
  });
});

describe("the log of changes", () => {
  test("lists who changed since, as far as it reaches back", () => {
    const state = twoHosts();
    const hostsSince = (from: number) => {
      const changed = state.changedSince(from);
      if (changed === null) return null;
      const changes = Array.from({ length: changed.to - changed.from }, (_, index) => changed.from + index);
      return changes.map((change) => changed.log[change % changed.log.length]);
    };

    for (let change = 0; change < 8; change += 1) state.take(change % 2, demand(0), []);
    expect(hostsSince(8)).toEqual([]);
    expect(hostsSince(5)).toEqual([1, 0, 1]);
    expect(hostsSince(0)).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);

    state.give(1, demand(0), []);
    expect(hostsSince(0)).toBeNull();
    expect(hostsSince(1)).toEqual([1, 0, 1, 0, 1, 0, 1, 1]);
  });

  test("gifts count what was given back, not what was taken", () => {
    const state = twoHosts();

    state.take(0, demand(1), []);
    expect([state.changes, state.gifts]).toEqual([1, 0]);

    state.give(0, demand(1), []);
    expect([state.changes, state.gifts]).toEqual([2, 1]);
  });
});

describe("rows", () => {
  test("a row that is set is what it was", () => {
    const state = twoHosts();
    state.take(0, demand(3), [slice(0, 100, 40)]);
    const row = state.rowOf(0);
    const before = state.toFleet();

    state.take(0, demand(5), [whole(1), slice(0, 7, 7)]);
    state.setRow(0, row);

    expect(state.toFleet()).toEqual(before);
    expect(state.freeGpu[0]).toBe(1960);
  });

  test("a meeting of two states leaves what is free in both", () => {
    const [one, other, both] = [twoHosts(), twoHosts(), twoHosts()];
    one.take(0, { cpuMilli: 5, memoryMib: 1, tempStorageMib: 0 }, [whole(0)]);
    other.take(0, { cpuMilli: 1, memoryMib: 5, tempStorageMib: 2 }, [slice(0, 100, 40), slice(1, 200, 30)]);

    both.meet(0, one, other);

    expect(both.capacityOf(0)).toMatchObject({
      freeCpuMilli: 15_995,
      freeMemoryMib: 65_531,
      freeTempStorageMib: 99_998,
      gpus: [
        { use: "exclusive", freeShareThousandths: 0, freeMemoryMib: 0 },
        { use: "shared", freeShareThousandths: 970, freeMemoryMib: 24_376 },
      ],
    });
    expect(both.freeGpu[0]).toBe(970);
  });
});

describe("a host that is reserved for one payer", () => {
  const stored = () =>
    new FleetState({ hosts: [aHost({ payers: new Map([[1, 2]]) }), aHost({ id: "host-b" })] });
  const part = (payer: number) => ({ ...demand(1), payer });

  test("is open to that payer until the last of its placements is given back, and then to anybody", () => {
    const state = stored();
    const openTo = () => [1, 2, undefined].map((payer) => state.isOpenTo(0, payer));

    expect(openTo()).toEqual([true, false, false]);
    state.give(0, part(1), []);
    expect(openTo()).toEqual([true, false, false]);
    state.give(0, part(1), []);
    expect(openTo()).toEqual([true, true, true]);
    state.take(0, part(2), []);
    expect(openTo()).toEqual([false, true, false]);
    expect(state.capacityOf(0).payers).toEqual(new Map([[2, 1]]));
  });

  test("is another's in a meeting where it is in one of the states", () => {
    const [one, other, both] = [stored(), stored(), stored()];
    other.give(0, part(1), []);
    other.give(0, part(1), []);
    other.take(0, part(2), []);

    both.meet(0, one, other);

    expect([1, 2].map((payer) => both.isOpenTo(0, payer))).toEqual([false, false]);
    expect(both.isOpenTo(1, 2)).toBe(true);
    expect(both.capacityOf(1).payers).toBeUndefined();
  });
});

test("whatever is taken and given back in whatever order, the first state is there again", () => {
  const anyTakes = fc.array(
    fc.record({
      host: fc.integer({ min: 0, max: 1 }),
      amount: fc.integer({ min: 0, max: 900 }),
      share: fc.integer({ min: 1, max: 200 }),
    }),
    { maxLength: 5 },
  );
  const shuffledTakes = anyTakes.chain((takes) =>
    fc.tuple(fc.constant(takes), fc.shuffledSubarray(takes, { minLength: takes.length })),
  );
  fc.assert(
    fc.property(shuffledTakes, ([takes, gifts]) => {
      const state = twoHosts();
      const cardsOf = ({ host, share, amount }: (typeof takes)[number]) => [
        slice(state.firstCard[host] as number, amount, share),
      ];

      for (const item of takes) state.take(item.host, demand(item.amount), cardsOf(item));
      for (const item of gifts) state.give(item.host, demand(item.amount), cardsOf(item));

      expect(JSON.stringify(state.toFleet())).toBe(JSON.stringify(twoHosts().toFleet()));
      expect([...state.freeGpu]).toEqual([...twoHosts().freeGpu]);
    }),
  );
});
