import { expect, test } from "vitest";
import { GIB, MIB } from "@remotegpu/shared/units";
import {
  type EnvironmentResources,
  gpuWish,
  placementRequest,
  quotaShare,
  waitingOrder,
} from "@remotegpu/control-plane/core/orders/order";

const order = (change: Partial<EnvironmentResources> = {}): EnvironmentResources => ({
  cpu: 2,
  memory: 4 * GIB,
  gpu: 0,
  gpu_memory: null,
  storage: null,
  temp_storage: null,
  config: null,
  ...change,
});

test.each<[string, Partial<EnvironmentResources>, readonly string[] | null, ReturnType<typeof gpuWish>]>([
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
])("%s", (_what, change, pricedModels, wish) => {
  expect(gpuWish(order(change), pricedModels)).toEqual(wish);
});

test("placement weighs thousandths of a core and whole MiB, rounded up", () => {
  const request = placementRequest(
    { ...order({ memory: GIB + 1, temp_storage: 1 }), id: "env-1", image: "debian:13", storage_pool: "p" },
    { skips: [], pricedModels: null, features: ["image-fetches"] },
  );

  expect(request).toMatchObject({
    cpuMilli: 2000,
    memoryMib: 1025,
    tempStorageMib: 1,
    storagePool: "p",
    features: ["image-fetches"],
  });
});

test("a slice counts as a GPU of the quota", () => {
  const slice = order({ gpu: 1, gpu_memory: GIB, config: { gpu_sharing: "shared" } });

  expect(quotaShare(slice)).toMatchObject({
    gpu_quota: 1,
    cpu_quota: 2,
    memory_quota: 4096,
    environment_quota: 1,
  });
});

test.each([
  { where: "in a workspace shares with it", workspace_id: 3, workspace: "3" },
  { where: "outside every workspace shares as its customer's", workspace_id: null, workspace: "customer-3" },
])("an order $where", ({ workspace_id, workspace }) => {
  const row = { ...order({ gpu: 2 }), id: "env-1", customer_id: 3, workspace_id };

  expect(waitingOrder(row, new Date(5))).toEqual({
    id: "env-1",
    priority: 0,
    orderedAtMs: 5,
    workspace,
    gpuShareThousandths: 2_000,
    limitSeconds: null,
  });
});
