import { describe, expect, test } from "vitest";
import { CardScarcity } from "@remotegpu/control-plane/server/core/placement/scoring/card-scarcity";
import { FleetState } from "@remotegpu/control-plane/server/core/placement/fleet/fleet-state";
import type { GpuRequest } from "@remotegpu/control-plane/server/core/placement/fleet/fits-on";
import type { CountedShape } from "@remotegpu/control-plane/server/core/placement/scoring/typical-shapes";
import { requestShape } from "@remotegpu/control-plane/server/core/placement/fleet/request-shape";
import {
  CLOSED,
  aCountedShape,
  aHost,
  aRequest,
  aSliceRequest,
  aWholeRequest,
  gpusOf,
} from "../../../../../../support/placement/fleet.ts";

/** Three cards of model A on two hosts, one of model B, none on the last host. */
function fleet() {
  return new FleetState({
    hosts: [
      aHost({ id: "a", gpus: gpusOf("a", 2, { model: "A" }) }),
      aHost({ id: "b", gpus: gpusOf("b", 1, { model: "B" }) }),
      aHost({ id: "c", gpus: gpusOf("c", 1, { model: "A" }) }),
      aHost({ id: "d" }),
    ],
  });
}

function pointsOf(state: FleetState, typical: Partial<CountedShape>[], gpu: GpuRequest): number[] {
  const scarcity = new CardScarcity(state, typical.map(aCountedShape));
  const points = new Int32Array(scarcity.classes.members.length);
  scarcity.weigh(requestShape(state, aRequest({ gpu }), 0), points);
  return [...points];
}

test("hosts with the same kinds of cards are one class", () => {
  const { classes } = new CardScarcity(fleet(), [aCountedShape({ models: ["B"] })]);

  expect(classes.members.map((hosts) => [...hosts])).toEqual([[0, 2], [1], [3]]);
});

test("where every usual order may use every card, all hosts are alike", () => {
  const { classes } = new CardScarcity(fleet(), [
    aCountedShape(),
    aCountedShape({ gpuCount: 0, models: [] }),
  ]);

  expect(classes.members).toHaveLength(1);
});

test.each([
  { models: 64, classes: 64 },
  { models: 65, classes: 1 },
])("of $models kinds of hosts there are $classes classes: beyond 64 all are alike", ({ models, classes }) => {
  const hosts = Array.from({ length: models }, (_, index) =>
    aHost({ id: `h${index}`, gpus: gpusOf(String(index), 1, { model: `model ${index}` }) }),
  );

  const scarcity = new CardScarcity(new FleetState({ hosts }), [aCountedShape({ models: ["model 0"] })]);

  expect(scarcity.classes.members).toHaveLength(classes);
});

describe("by the class of hosts: model A, model B, none", () => {
  test.each<{ what: string; typical: Partial<CountedShape>[]; request: GpuRequest; points: number[] }>([
    // All of it is asked for of B, of which a quarter of all is: 4 times 1000 ÷ 5 ÷ 40 a point.
    {
      what: "what is asked for of one model alone",
      typical: [{ models: ["B"] }],
      request: aWholeRequest(1),
      points: [0, 20, 0],
    },
    // Half of it may use any: 0.5 × 1 of both, and 0.5 × 4 of B.
    {
      what: "what half of the orders ask for",
      typical: [{ models: ["B"] }, {}],
      request: aWholeRequest(1),
      points: [2, 12, 0],
    },
    // A is asked for as much as there is of it, and so is B.
    {
      what: "models that are asked for as they are there",
      typical: [{ models: ["A"], count: 3 }, { models: ["B"] }],
      request: aWholeRequest(1),
      points: [4, 5, 0],
    },
    {
      what: "orders count by all GPU that they ask for",
      typical: [
        { models: ["A"], gpuCount: 3 },
        { models: ["B"], shareThousandths: 500, count: 2 },
      ],
      request: aWholeRequest(1),
      points: [4, 5, 0],
    },
    {
      what: "two cards cost twice",
      typical: [{ models: ["B"] }, {}],
      request: aWholeRequest(2),
      points: [5, 25, 0],
    },
    {
      what: "a slice costs its part",
      typical: [{ models: ["B"] }, {}],
      request: aSliceRequest({ shareThousandths: 100 }),
      points: [0, 1, 0],
    },
    {
      what: "a model that the order may not use costs nothing",
      typical: [{ models: ["B"] }, {}],
      request: aWholeRequest(1, { models: ["A"] }),
      points: [2, 0, 0],
    },
    {
      what: "a model that is not there is no matter",
      typical: [{ models: ["C"] }],
      request: aWholeRequest(1),
      points: [0, 0, 0],
    },
    {
      what: "work without GPU costs nothing",
      typical: [{ models: ["B"] }],
      request: { kind: "none" },
      points: [0, 0, 0],
    },
  ])("$what", ({ typical, request: requestedGpu, points }) => {
    expect(pointsOf(fleet(), typical, requestedGpu)).toEqual(points);
  });
});

test("what is taken anywhere makes the rest of its kind scarcer", () => {
  const state = fleet();
  const scarcity = new CardScarcity(state, [aCountedShape({ models: ["A"] }), aCountedShape()]);
  const shape = requestShape(state, aRequest({ gpu: aWholeRequest(1) }), 0);
  const points = new Int32Array(3);
  const nothing = { cpuMilli: 0, memoryMib: 0, tempStorageMib: 0 };

  // 0.5 + 0.5 × 4 ÷ 3.
  scarcity.weigh(shape, points);
  expect([...points]).toEqual([5, 2, 0]);

  // 0.5 + 0.5 × 2 ÷ 1.
  state.take(
    0,
    nothing,
    [0, 1].map((card) => ({ card, memoryMib: null, shareThousandths: 1000 })),
  );
  scarcity.weigh(shape, points);
  expect([...points]).toEqual([7, 2, 0]);
});

test("what is closed is not free", () => {
  const closed = { index: 1, model: "B", closed: CLOSED };
  const state = new FleetState({
    hosts: [
      aHost({ id: "a", gpus: [...gpusOf("a", 1, { model: "A" }), ...gpusOf("b", 1, closed)] }),
      aHost({ id: "c", gpus: gpusOf("c", 1, { model: "B" }) }),
      aHost({ id: "d", closed: CLOSED, gpus: gpusOf("d", 5, { model: "B" }) }),
    ],
  });

  // Of two free cards one is of model B. A host that mixes them costs what the least scarce of them does.
  expect(pointsOf(state, [{ models: ["B"] }], aWholeRequest(1))).toEqual([0, 10]);
});
