import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";
import {
  type GpuCapacity,
  UnsoundFleetError,
  type Fleet,
} from "@remotegpu/control-plane/server/core/placement/fleet/fleet";
import { planPass } from "@remotegpu/control-plane/server/core/queue/pass-plan";
import { aHost, gpusOf } from "../../../../../support/placement/fleet.ts";
import {
  anOrder,
  NO_SHARERS,
  OPTIONS,
  type TestOrder,
} from "../../../../../support/placement/queued-orders.ts";
import { wholeGpus } from "../../../../../support/placement/whole-gpus.ts";

const plan = (fleet: Fleet, orders: TestOrder[]) => {
  const { placed, waiting } = planPass({ fleet, running: [], orders, sharers: NO_SHARERS, options: OPTIONS });
  return {
    placed: placed.map(({ order, instances }) => [order.id, ...instances.map(({ hostId }) => hostId)]),
    waiting: new Map(waiting.map(({ order, reason }) => [order.id, inEnglish(reason)])),
  };
};
const oneHost = { hosts: [aHost({ id: "a", gpus: gpusOf("a", 2) })] };

test("the oldest starts first, and whoever finds nothing left gets the reason", () => {
  const { placed, waiting } = plan(oneHost, [
    anOrder("young", { gpu: wholeGpus(2) }, { age: 1 }),
    anOrder("old", { gpu: wholeGpus(2) }, { age: 2 }),
  ]);

  expect(placed).toEqual([["old", "a"]]);
  expect(waiting).toEqual(new Map([["young", "Waiting for a place. a: 2 GPU asked, 0 free."]]));
});

test("whoever would fit and must not take the head's place gets that reason", () => {
  const { placed, waiting } = plan(oneHost, [
    anOrder("running", { gpu: wholeGpus(1) }, { age: 3 }),
    anOrder("head", { gpu: wholeGpus(2) }, { age: 2 }),
    anOrder("small", { gpu: wholeGpus(1) }, { age: 1 }),
    anOrder("light", {}, { age: 0 }),
  ]);

  expect(placed).toEqual([
    ["running", "a"],
    ["light", "a"],
  ]);
  expect(waiting.get("small")).toBe("Waiting behind an order that comes first: what is free is kept for it.");
});

test("what is on hold gives the reason, keeps nothing, and what is impossible is named", () => {
  const { placed, waiting } = plan(oneHost, [
    anOrder("held", { gpu: wholeGpus(2) }, { age: 3, heldBack: asReported("Waiting for host b.") }),
    anOrder("huge", { gpu: wholeGpus(3) }, { age: 2 }),
    anOrder("small", { gpu: wholeGpus(2) }, { age: 1 }),
  ]);

  expect(placed).toEqual([["small", "a"]]);
  expect(waiting.get("held")).toBe("Waiting for host b.");
  expect(waiting.get("huge")).toMatch(/^No host can take it: .*3.*\.$/);
});

test("a gang gets how many of it would fit", () => {
  const { placed, waiting } = plan({ hosts: ["a", "b"].map((id) => aHost({ id, gpus: gpusOf(id, 2) })) }, [
    anOrder("first", { gpu: wholeGpus(2) }, { age: 2 }),
    anOrder("gang", { gpu: wholeGpus(2), instances: 2 }, { age: 1 }),
  ]);

  expect(placed).toEqual([["first", "a"]]);
  expect(waiting.get("gang")).toMatch(/^Waiting for 2 places at once, 1 is free now\. a: /);
});

test("without any host everything waits for one", () => {
  expect(plan({ hosts: [] }, [anOrder("one")]).waiting.get("one")).toBe(
    "Waiting for a place: no host has joined yet.",
  );
});

test("a snapshot that contradicts itself plans nothing", () => {
  expect(() => plan({ hosts: [aHost({ freeMemoryMib: -1 })] }, [anOrder("one")])).toThrow(UnsoundFleetError);
});

test("a head keeps its place while its payer's share grows, and gives it up to what administrators call urgent", () => {
  const large = {
    had: { cpuMilli: 0, memoryMib: 0, gpuThousandths: 1_000 },
    weight: 1,
    lastStartMs: OPTIONS.now,
  };
  const orders = [
    anOrder("head", { gpu: wholeGpus(2) }, { payer: "large" }),
    anOrder("small", { gpu: wholeGpus(1) }, { payer: "new", workspace: "n", age: 1 }),
  ];
  const first = (head: string | null, more: TestOrder[] = []) =>
    planPass({
      fleet: {
        hosts: [aHost({ id: "a", gpus: gpusOf("a", 3).map((card, nth) => (nth > 0 ? card : taken(card))) })],
      },
      running: [],
      orders: [...orders, ...more],
      sharers: { payers: new Map([["large", large]]), workspaces: new Map(), head },
      options: OPTIONS,
    }).placed.map(({ order }) => order.id);

  expect(first(null)).toEqual(["small"]);
  expect(first("head")).toEqual(["head"]);
  expect(first("head", [anOrder("urgent", { gpu: wholeGpus(1) }, { payer: "u", isUrgent: true })])[0]).toBe(
    "urgent",
  );
});

function taken(card: GpuCapacity): GpuCapacity {
  return { ...card, use: "exclusive", freeShareThousandths: 0, freeMemoryMib: 0 };
}
