import { expect, test } from "vitest";
import { GIB, MIB } from "@remotegpu/shared/values/units";
import {
  gpuRequest,
  type OrderFields,
  placementRequest,
  resourceShare,
  resourcesOf,
  waitingOrder,
} from "@remotegpu/control-plane/server/core/orders/order";

const order = (change: Partial<OrderFields> = {}) =>
  resourcesOf({
    cpu: 2,
    memory: 4 * GIB,
    gpu: 0,
    gpu_memory: null,
    storage: null,
    temp_storage: null,
    config: null,
    ...change,
  });
const ANYWHERE = { image: "debian:13", hostLabels: {}, storagePool: null, distinctHosts: false };

test.each<[string, Partial<OrderFields>, readonly string[] | null, ReturnType<typeof gpuRequest>]>([
  ["no GPU", {}, null, { kind: "none" }],
  ["whole cards", { gpu: 2 }, null, { kind: "whole", count: 2, leastMemoryMib: 0, models: null }],
  [
    "a memory filter, rounded up",
    { gpu: 1, gpu_memory: MIB + 1 },
    null,
    { kind: "whole", count: 1, leastMemoryMib: 2, models: null },
  ],
  [
    "a slice",
    { gpu: 1, gpu_memory: 8 * GIB, config: { gpu_sharing: "shared" } },
    ["A"],
    { kind: "slice", memoryMib: 8192, shareThousandths: 0, models: ["A"] },
  ],
  [
    "a named model",
    { gpu: 1, config: { gpu_model: "B" } },
    null,
    { kind: "whole", count: 1, leastMemoryMib: 0, models: ["B"] },
  ],
  [
    "a named model that has a price",
    { gpu: 1, config: { gpu_model: "B" } },
    ["A", "B"],
    { kind: "whole", count: 1, leastMemoryMib: 0, models: ["B"] },
  ],
  [
    "a named model without a price",
    { gpu: 1, config: { gpu_model: "B" } },
    ["A"],
    { kind: "whole", count: 1, leastMemoryMib: 0, models: [] },
  ],
])("%s", (_what, change, pricedModels, requestedGpu) => {
  expect(gpuRequest(order(change), pricedModels)).toEqual(requestedGpu);
});

test("placement weighs thousandths of a core and whole MiB, rounded up", () => {
  const request = placementRequest(
    { ...order({ memory: GIB + 1, temp_storage: 1 }), ...ANYWHERE, storagePool: "p" },
    "environment env-1 0",
    { skips: [], apart: [], pricedModels: null, features: ["image-fetches"] },
  );

  expect(request).toMatchObject({
    id: "environment env-1 0",
    cpuMilli: 2000,
    memoryMib: 1025,
    tempStorageMib: 1,
    storagePool: "p",
    features: ["image-fetches"],
  });
});

test("an order of several instances requests all of them at once, each of the size ordered", () => {
  const ranks = order({ cpu: 4, memory: 2 * GIB, gpu: 8, node_count: 3 });
  const requestedGpu = { ...ANYWHERE, image: "trainer:1", hostLabels: { rack: "r1" } };

  const request = placementRequest({ ...ranks, ...requestedGpu }, "training job-1 0", {
    skips: [],
    apart: [],
    pricedModels: ["L4"],
    features: ["image-fetches"],
  });

  expect(request).toEqual({
    id: "training job-1 0",
    instances: 3,
    distinctHosts: false,
    cpuMilli: 4000,
    memoryMib: 2048,
    tempStorageMib: 0,
    gpu: { kind: "whole", count: 8, leastMemoryMib: 0, models: ["L4"] },
    labels: { rack: "r1" },
    features: ["image-fetches"],
    image: "trainer:1",
    storagePool: null,
    skips: [],
    apart: [],
  });
});

test.each([true, false])("an order that wants hosts of their own for its instances: %s", (distinctHosts) => {
  const known = { skips: [], apart: [], pricedModels: null, features: [] };

  expect(placementRequest({ ...order(), ...ANYWHERE, distinctHosts }, "x", known).distinctHosts).toBe(
    distinctHosts,
  );
});

test("a slice counts as a GPU of the quota", () => {
  const slice = order({ gpu: 1, gpu_memory: GIB, config: { gpu_sharing: "shared" } });

  expect(resourceShare(slice)).toEqual({ gpu_quota: 1, cpu_quota: 2, memory_quota: 4096 });
});

test("all instances of a start count for the quota", () => {
  const ranks = order({ cpu: 4, memory: 2 * GIB, gpu: 8, node_count: 3 });

  expect(resourceShare(ranks)).toEqual({ cpu_quota: 12, memory_quota: 6144, gpu_quota: 24 });
});

test.each([
  { where: "in a workspace shares with it", workspaceId: 3, workspace: "3" },
  { where: "outside every workspace shares as its customer's", workspaceId: null, workspace: "customer-3" },
])("an order $where", ({ workspaceId, workspace }) => {
  const one = {
    ...order({ cpu: 4, memory: 2 * GIB, gpu: 2, node_count: 2 }),
    customerId: 3,
    payerId: 9,
    workspaceId,
  };
  const urgency = { priority: 4, isUrgent: false, orderedAt: new Date(5), limitSeconds: 60 };

  expect(waitingOrder(one, "training job-1 0", urgency)).toEqual({
    id: "training job-1 0",
    priority: 4,
    isUrgent: false,
    orderedAtMs: 5,
    payer: "9",
    workspace,
    demand: { cpuMilli: 8_000, memoryMib: 4_096, gpuThousandths: 4_000 },
    limitSeconds: 60,
  });
});

test("a slice is priced as a slice", () => {
  const slice = order({ gpu: 1, gpu_memory: GIB, config: { gpu_sharing: "shared" } });

  expect(slice).toMatchObject({ gpus: 1, gpuShared: true, gpuMemoryBytes: GIB });
});

test("an order without a spec is under the one that applies to all, and one with a name under that", () => {
  expect(order().spec).toBe("default");
  expect(order({ config: { spec: "large" } }).spec).toBe("large");
});

test.each([
  { text: undefined, maximum: null },
  { text: "12.5", maximum: { hourly: 125_000n, instances: 3 } },
  { text: "much", maximum: { hourly: 0n, instances: 3 } },
])("a maximum of $text is for all instances of the order", ({ text, maximum }) => {
  expect(order({ node_count: 3, config: { max_price_per_hour: text } }).maximum).toEqual(maximum);
});
