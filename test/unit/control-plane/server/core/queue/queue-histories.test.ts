/** The queue over a fleet in random histories: the head is never delayed, nothing is oversold, suggestions hold. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { assertSound, type Fleet } from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import type { PlacementRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import { Placer } from "@remotegpu/control-plane/server/core/placement/placer";
import { planPass } from "@remotegpu/control-plane/server/core/queue/pass-plan";
import { reservationOf } from "@remotegpu/control-plane/server/core/queue/reservation";
import { capacityOf, dominantShare, NOTHING, plus } from "@remotegpu/control-plane/server/core/queue/share";
import type { NamedWork } from "@remotegpu/control-plane/server/core/queue/turn";
import { type Suggestion, suggestions } from "@remotegpu/control-plane/server/core/queue/suggestions";
import { fleetWithout } from "@remotegpu/control-plane/server/core/queue/work-to-wait-for";
import { anyFleet, anyRequest } from "../../../../../support/placement/any-fleet.ts";
import { aHost, aRequest, gpusOf } from "../../../../../support/placement/fleet.ts";
import { fleetWith, historyOf, type Pass, workOf } from "../../../../../support/placement/queue-history.ts";
import {
  anOrder,
  demandOf,
  NOW,
  OPTIONS,
  type TestOrder,
} from "../../../../../support/placement/queued-orders.ts";

const HELD = { code: "as-reported", params: { text: "Waiting for an old container." } } as const;
const RUNS = Number(process.env.FUZZ_RUNS ?? 250);

const anyArrivals = (limit: fc.Arbitrary<number | null>): fc.Arbitrary<TestOrder[]> =>
  fc
    .array(
      fc.record({
        request: anyRequest,
        limitSeconds: limit,
        comesAfter: fc.constantFrom(0, 0, 0, 1, 3, 7, 20),
        heldBack: fc.constantFrom(null, null, null, null, null, HELD),
        payer: fc.constantFrom("p", "p", "q", "r"),
      }),
      { maxLength: 14 },
    )
    .map((arrivals) =>
      arrivals.map(({ request, limitSeconds, comesAfter, heldBack, payer }, index) => {
        const id = `order-${String(index).padStart(2, "0")}`;
        return {
          id,
          request: { ...request, id },
          limitSeconds,
          heldBack,
          payer,
          workspace: payer,
          priority: 0,
          demand: demandOf(request),
          orderedAtMs: NOW + comesAfter * 1000,
        };
      }),
    );
/** Few hosts of a few cards, and orders that any of them could take: most have to wait. */
const aTightFleet: fc.Arbitrary<Fleet> = fc
  .array(fc.constantFrom(2, 4), { minLength: 1, maxLength: 3 })
  .map((hosts) => ({
    hosts: hosts.map((count, index) => aHost({ id: `h${index}`, gpus: gpusOf(`h${index}`, count) })),
  }));
const aRush = (limit: fc.Arbitrary<number | null>): fc.Arbitrary<TestOrder[]> =>
  anyArrivals(limit).map((orders) =>
    orders.map((order) => {
      const { id, cpuMilli, instances, distinctHosts, gpu } = order.request;
      const requestedGpu = gpu.kind === "none" ? gpu : { ...gpu, models: null };
      const request = aRequest({ id, cpuMilli, instances, distinctHosts, gpu: requestedGpu });
      return { ...order, request, demand: demandOf(request) };
    }),
  );
const anyLimit = fc.constantFrom(1, 2, 5, 10, 30);
const shortOrLong = fc.constantFrom(2, 5, 1_000, 1_000);
const sometimesNone = fc.oneof(anyLimit, fc.constant(null));

type History = fc.IPropertyWithHooks<[Parameters<typeof historyOf>[0], TestOrder[]]>;
const check = (property: History, numRuns = RUNS) => fc.assert(property, { numRuns });

test("whoever was promised a start has it by then, whatever comes and starts beside", () => {
  let promises = 0;
  check(
    fc.property(aTightFleet, aRush(anyLimit), (fleet, arrivals) => {
      const promised = new Map<string, number>();
      for (const { now, plan } of historyOf(fleet, arrivals)) {
        for (const { order } of plan.placed)
          expect(now).toBeLessThanOrEqual(promised.get(order.id) ?? Infinity);
        if (plan.head === null || plan.head.startsAt === null) continue;
        const { job, startsAt } = plan.head;
        expect(startsAt).toBeLessThanOrEqual(promised.get(job.id) ?? Infinity);
        promised.set(job.id, startsAt);
        promises += 1;
      }
    }),
  );
  expect(promises).toBeGreaterThan(RUNS / 10);
});

test("where all that runs has promised an end, whatever some host could take starts in the end", () => {
  check(
    fc.property(aTightFleet, aRush(anyLimit), (fleet, arrivals) => {
      const passes = historyOf(fleet, arrivals);
      const last = passes.at(-1);

      // At the end nothing runs any more: who still waits fits nowhere even then, or is held back.
      const state = new FleetState(last?.fleet ?? fleet);
      for (const { order } of last?.plan.waiting ?? []) {
        if (order.heldBack !== null) continue;
        expect(new Placer(state.toFleet(), OPTIONS).hasRoom(order.request)).toBe(false);
      }
    }),
  );
});

const likeEachOther = fc.array(
  fc.record({
    payer: fc.constantFrom("p", "q", "r"),
    limitSeconds: fc.constantFrom(3, 8, 20, 1_000),
    comesAfter: fc.constantFrom(0, 0, 1, 4, 9, 15),
  }),
  { maxLength: 30 },
);

test("where all orders fit alike, a larger share never starts before a smaller one, but for one with a reserved place", () => {
  let compared = 0;
  fc.assert(
    fc.property(aTightFleet, likeEachOther, (fleet, drawn) => {
      const arrivals = drawn.map(({ payer, limitSeconds, comesAfter }, index) =>
        anOrder(
          `order-${String(index).padStart(2, "0")}`,
          { gpu: { kind: "whole", count: 1, leastMemoryMib: 0, models: null } },
          { payer, workspace: payer, limitSeconds, age: -comesAfter },
        ),
      );
      let head: TestOrder | null = null;
      for (const { fleet: before, orders, payers, plan } of historyOf(fleet, arrivals)) {
        const capacity = capacityOf(before);
        const had = new Map([...payers].map(([payer, sharer]) => [payer, sharer.had]));
        const shareOf = ({ payer }: TestOrder) => dominantShare(had.get(payer) ?? NOTHING, capacity);
        const left = new Set(orders);
        for (const { order } of plan.placed) {
          left.delete(order);
          for (const other of left) {
            expect(order === head ? 0 : shareOf(order)).toBeLessThanOrEqual(shareOf(other));
            compared += 1;
          }
          had.set(order.payer, plus(had.get(order.payer) ?? NOTHING, order.demand));
        }
        head = plan.head?.job ?? null;
      }
    }),
    { numRuns: RUNS },
  );
  expect(compared).toBeGreaterThan(RUNS);
});

test("whoever has its place reserved stays the first, whatever shares become, until it has started or is on hold", () => {
  let stored = 0;
  check(
    fc.property(aTightFleet, aRush(sometimesNone), (fleet, arrivals) => {
      let head: TestOrder | null = null;
      for (const { plan } of historyOf(fleet, arrivals)) {
        const started: TestOrder[] = plan.placed.map(({ order }) => order);
        const isStored = head !== null && !started.includes(head);
        expect(isStored ? plan.head?.job : null).toBe(isStored ? head : null);
        stored += Number(isStored);
        head = plan.head?.job ?? null;
      }
    }),
  );
  expect(stored).toBeGreaterThan(RUNS / 10);
});

test("overtaking is bounded: who comes more minutes later than a payer has thousandths of the fleet starts after it", () => {
  const LONGEST_MINUTES = 5;
  const PER_MINUTE = 3;
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 4, max: LONGEST_MINUTES }), { minLength: 5, maxLength: 20 }),
      (minutes) => {
        const gpu = { kind: "whole", count: 1, leastMemoryMib: 0, models: null } as const;
        const fleet = { hosts: [aHost({ id: "h", gpus: gpusOf("h", 10) })] };
        const held = anOrder("held", { gpu }, { payer: "large", age: 1 });
        const surplus = anOrder("surplus", { gpu }, { payer: "large", age: -600 });
        const newcomers = Array.from({ length: 125 * PER_MINUTE }, (_, index) => {
          const limitSeconds = 60 * (minutes[index % minutes.length] ?? 1);
          const age = -60 * Math.floor(index / PER_MINUTE);
          const name = `new-${index}`;
          return anOrder(name, { gpu }, { payer: name, workspace: name, limitSeconds, age });
        });
        const passes = historyOf(fleet, [held, surplus, ...newcomers]);
        const started = passes.flatMap(({ plan }) => plan.placed.map(({ order }) => order));
        const ahead = started.slice(0, started.indexOf(surplus));

        // It holds a tenth of the cards, which is worth 100 minutes.
        const laterMinutes = ahead.map(({ orderedAtMs }) => (orderedAtMs - surplus.orderedAtMs) / 60_000);
        expect(started).toContain(surplus);
        expect(Math.max(...laterMinutes)).toBeLessThanOrEqual(100);
        expect(Math.max(...laterMinutes)).toBeGreaterThan(50);
      },
    ),
    { numRuns: 2 },
  );
});

test.each([
  { before: "nothing", forgotten: [] },
  { before: "a forgotten order that no host could ever take", forgotten: [11] },
])(
  "small starts beside what is reserved for others take nothing of the waiting of their payer's large order behind $before",
  ({ forgotten }) => {
    const gpu = { kind: "whole", count: 1, leastMemoryMib: 0, models: null } as const;
    const MINUTES = 150;
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 6 }), (minutes) => {
        const fleet = { hosts: [aHost({ id: "h", gpus: gpusOf("h", 10) })] };
        const held = anOrder("held", { gpu }, { payer: "large", age: 1 });
        const large = anOrder("large", { gpu }, { payer: "large", age: -600 });
        const never = forgotten.map((count) =>
          anOrder("never", { gpu: { ...gpu, count } }, { payer: "large", age: -599 }),
        );
        // Of another of its people, who orders a little each minute: it fits beside whatever is kept.
        const small = Array.from({ length: MINUTES }, (_, minute) =>
          anOrder(
            `small-${minute}`,
            { cpuMilli: 1 },
            { payer: "large", limitSeconds: 5, age: -60 * minute - 601 },
          ),
        );
        const newcomers = Array.from({ length: MINUTES * 3 }, (_, index) => {
          const name = `new-${index}`;
          const age = -60 * Math.floor(index / 3);
          return anOrder(name, { gpu }, { payer: name, workspace: name, limitSeconds: 60 * minutes, age });
        });

        const passes = historyOf(fleet, [held, ...never, large, ...small, ...newcomers]);
        const starts = passes.flatMap(({ plan }) => plan.placed);
        const ahead = starts.slice(
          0,
          starts.findIndex(({ order }) => order === large),
        );
        const laterMinutes = ahead
          .filter(({ order }) => order.payer !== "large")
          .map(({ order }) => (order.orderedAtMs - large.orderedAtMs) / 60_000);

        // It holds a tenth of the cards, which is worth 100 minutes.
        expect(ahead.filter(({ order }) => order.id.startsWith("small-")).length).toBeGreaterThan(50);
        expect(starts.map(({ order }) => order)).toContain(large);
        expect(Math.max(...laterMinutes)).toBeLessThanOrEqual(100);
      }),
      { numRuns: 2 },
    );
  },
);

test("nothing is oversold, gangs are whole, and whoever is held back does not start", () => {
  check(
    fc.property(anyFleet, anyArrivals(sometimesNone), (fleet, arrivals) => {
      for (const { fleet: before, plan } of historyOf(fleet, arrivals)) {
        expect(() => assertSound(before)).not.toThrow();
        for (const { order, instances } of plan.placed) {
          expect(instances).toHaveLength(order.request.instances);
          expect(order.heldBack).toBeNull();
        }
      }
    }),
  );
});

test("the order in which the line is listed changes nothing", () => {
  check(
    fc.property(anyFleet, anyArrivals(sometimesNone), (fleet, arrivals) => {
      expect(JSON.stringify(historyOf(fleet, arrivals.toReversed()).map(placesOf))).toBe(
        JSON.stringify(historyOf(fleet, arrivals).map(placesOf)),
      );
    }),
  );
});

const placesOf = ({ plan }: Pass) => plan.placed.map(({ order, instances }) => [order.id, instances]);

test("whoever fits and waits behind a promised start would delay it", () => {
  let blocked = 0;
  check(
    fc.property(aTightFleet, aRush(shortOrLong), (fleet, arrivals) => {
      for (const pass of historyOf(fleet, arrivals)) {
        const { head } = pass.plan;
        if (head === null || head.startsAt === null) continue;
        const { state, running } = afterPass(pass);
        for (const { order } of pass.plan.waiting) {
          if (order === head.job || order.heldBack !== null || order.request.instances > 1) continue;
          const placer = new Placer(state.toFleet(), OPTIONS);
          const places = placer.place(order.request);
          if (places === null) continue;
          blocked += 1;
          const endsAtMs = order.limitSeconds === null ? null : pass.now + order.limitSeconds * 1000;
          const { cpuMilli, memoryMib, tempStorageMib } = order.request;
          const its = places.map(({ host, cards }) => ({
            hostId: placer.state.hosts[host]?.id ?? "",
            gpus: cards.map(({ card, ...part }) => ({ uuid: placer.state.cards[card]?.uuid ?? "", ...part })),
            cpuMilli,
            memoryMib,
            tempStorageMib,
            endsAtMs,
          }));
          const { startsAtMs } = reservationOf(head.job.request, {
            state: placer.state,
            running: [...running, ...its],
            options: { ...OPTIONS, now: pass.now },
          });
          expect(startsAtMs ?? Infinity).toBeGreaterThan(head.startsAt);
        }
      }
    }),
    // Few histories have such a one.
    4 * RUNS,
  );
  expect(blocked).toBeGreaterThan(0);
});

/** What is free and what runs once the plan is carried out. */
function afterPass({ fleet, running, plan, now }: Pass) {
  let after = fleet;
  const started = plan.placed.flatMap(({ order, instances }) => {
    after = fleetWith(after, order, instances);
    return workOf(order, instances, now);
  });
  return { state: new FleetState(after), running: [...running, ...started] };
}

test("whatever is suggested to whoever waits starts it", () => {
  let tried = 0;
  check(
    fc.property(anyFleet, anyArrivals(sometimesNone), (fleet, arrivals) => {
      for (const pass of historyOf(fleet, arrivals)) {
        const options = { ...OPTIONS, now: pass.now };
        const scene = { ...pass, sharers: sharersOf(pass), options };
        for (const { order } of pass.plan.waiting)
          for (const suggestion of suggestions(scene, order, { otherModels: ["B", "A"], mayLimit: true })) {
            const changed = applied(order, suggestion);
            const ended =
              suggestion.change === "wait"
                ? {
                    fleet: fleetWithout(pass, suggestion.workload),
                    running: pass.running.filter(({ workload }) => workload !== suggestion.workload),
                  }
                : {};
            const orders = pass.orders.map((one) => (one === order ? changed : one));
            const { placed } = planPass({ ...scene, ...ended, orders });
            expect({ suggestion, placed: placed.map(({ order: { id } }) => id) }).toEqual({
              suggestion,
              placed: expect.arrayContaining([order.id]),
            });
            tried += 1;
          }
      }
    }),
  );
  expect(tried).toBeGreaterThan(RUNS / 10);
});

/** As they were in the pass, but that nobody had a place kept: a change may make the order the one that has. */
const sharersOf = ({ payers }: Pass) => ({ payers, workspaces: new Map(), head: null });

function applied(order: TestOrder, suggestion: Suggestion): TestOrder {
  const { request } = order;
  const with_ = (change: Partial<PlacementRequest>) => ({ ...order, request: { ...request, ...change } });
  switch (suggestion.change) {
    case "cpu":
      return with_({ cpuMilli: suggestion.cpuMilli });
    case "memory":
      return with_({ memoryMib: suggestion.memoryMib });
    case "temp-storage":
      return with_({ tempStorageMib: suggestion.tempStorageMib });
    case "gpu":
      return request.gpu.kind === "whole"
        ? with_({ gpu: { ...request.gpu, count: suggestion.count } })
        : order;
    case "gpu-memory":
      if (request.gpu.kind === "whole")
        return with_({ gpu: { ...request.gpu, leastMemoryMib: suggestion.memoryMib } });
      return request.gpu.kind === "slice"
        ? with_({ gpu: { ...request.gpu, memoryMib: suggestion.memoryMib } })
        : order;
    case "gpu-model":
      return request.gpu.kind === "none"
        ? order
        : with_({ gpu: { ...request.gpu, models: [suggestion.model] } });
    case "label":
      return with_({
        labels: Object.fromEntries(
          Object.entries(request.labels).filter(([label]) => label !== suggestion.without),
        ),
      });
    case "instances":
      return with_({ instances: suggestion.count });
    case "limit":
      return { ...order, limitSeconds: suggestion.seconds };
    case "wait":
      return order;
  }
}

test("on a host that is reserved for one payer the head starts in the end, however many orders another payer has", () => {
  let fleet: Fleet = { hosts: [aHost({ id: "a", gpus: gpusOf("a", 2), payers: new Map() })] };
  const oneGpu = { kind: "whole", count: 1, leastMemoryMib: 0, models: null } as const;
  const orderOf = (id: string, payer: number, age: number) =>
    anOrder(id, { gpu: oneGpu, payer }, { payer: `${payer}`, workspace: `${payer}`, age });
  let orders = [orderOf("first", 1, 9), orderOf("theirs", 2, 8)];
  let running: NamedWork[] = [];
  let head: string | null = null;
  const started: string[] = [];

  // Whatever of payer 1 runs ends one pass later, and another one of the same payer comes.
  for (let pass = 0; pass < 4; pass += 1) {
    orders = [...orders, orderOf(`next-${pass}`, 1, 0)];
    const sharers = { payers: new Map(), workspaces: new Map(), head };
    const plan: Pass["plan"] = planPass({ fleet, running, orders, sharers, options: OPTIONS });
    for (const { workload } of running) fleet = fleetWithout({ fleet, running }, workload);
    running = [];
    for (const { order, instances } of plan.placed) {
      fleet = fleetWith(fleet, order, instances);
      running = [...running, ...workOf(order, instances, NOW)];
      started.push(order.id);
      orders = orders.filter(({ id }) => id !== order.id);
    }
    head = plan.head?.job.id ?? null;
  }

  expect(started.slice(0, 2)).toEqual(["first", "theirs"]);
});
