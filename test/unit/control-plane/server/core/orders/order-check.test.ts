import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { expect, test } from "vitest";
import {
  DATASET_PATHS,
  MIN_MEMORY,
  type Mount,
  orderIssues,
  type OrderShape,
  startIssue,
  withPaths,
} from "@remotegpu/control-plane/server/core/orders/order-check";

const dataset = (id: number, path = `/gemini/data-${id}`): Mount => ({ id, path, readonly: true });
const model = (id: number, path = `/gemini/pretrain${id}`): Mount => ({ id, path, readonly: true });
const order = (change: Partial<OrderShape> = {}): OrderShape => ({
  gpu: 0,
  gpuMemory: null,
  gpuSharing: "exclusive",
  mountedDatasets: [],
  mountedModels: [],
  ...change,
});

test.each<[string, Partial<OrderShape>]>([
  ["nothing mounted", {}],
  [
    "three and three",
    { mountedDatasets: [1, 2, 3].map((id) => dataset(id)), mountedModels: [1, 2, 3].map((id) => model(id)) },
  ],
  ["the same id as dataset and as model", { mountedDatasets: [dataset(1)], mountedModels: [model(1)] }],
  ["a GPU with a memory filter", { gpu: 2, gpuMemory: 1 }],
  ["a slice", { gpu: 1, gpuMemory: 1, gpuSharing: "shared" }],
])("an order with %s is fine", (_what, change) => {
  expect(orderIssues(order(change))).toEqual([]);
});

test.each<[string, Partial<OrderShape>, string]>([
  [
    "four datasets",
    { mountedDatasets: [1, 2, 3, 4].map((id) => dataset(id, DATASET_PATHS[id % 3])) },
    "mounted_datasets",
  ],
  [
    "a dataset at a model's path",
    { mountedDatasets: [dataset(1, "/gemini/pretrain1")] },
    "mounted_datasets.0.path",
  ],
  ["a path above the family", { mountedModels: [model(1, "/gemini/pretrain4")] }, "mounted_models.0.path"],
  [
    "a model at the place of the first one",
    { mountedModels: [model(1, "/gemini/pretrain")] },
    "mounted_models.0.path",
  ],
  [
    "a path that climbs",
    { mountedDatasets: [dataset(1, "/gemini/data-1/../../etc")] },
    "mounted_datasets.0.path",
  ],
  [
    "one dataset twice",
    { mountedDatasets: [dataset(1), dataset(1, "/gemini/data-2")] },
    "mounted_datasets.1.id",
  ],
  ["one path twice", { mountedModels: [model(1), model(2, "/gemini/pretrain1")] }, "mounted_models.1.path"],
  ["a mount to write to", { mountedModels: [{ ...model(1), readonly: false }] }, "mounted_models.0.readonly"],
  ["two slices", { gpu: 2, gpuMemory: 1, gpuSharing: "shared" }, "gpu"],
  ["a slice of unknown size", { gpu: 1, gpuSharing: "shared" }, "gpu_memory"],
  ["GPU memory without a GPU", { gpuMemory: 1 }, "gpu_memory"],
])("an order with %s names the field", (_what, change, path) => {
  expect(orderIssues(order(change)).map((issue) => issue.path)).toContain(path);
});

test("mounts without a path take the free ones in order", () => {
  expect(withPaths([{ id: 7 }, { id: 8, path: "/gemini/data-1" }, { id: 9 }], DATASET_PATHS)).toEqual([
    { id: 7, path: "/gemini/data-2", readonly: true },
    { id: 8, path: "/gemini/data-1", readonly: true },
    { id: 9, path: "/gemini/data-3", readonly: true },
  ]);
});

test("a fourth mount without a path is refused, not lost", () => {
  const mounts = withPaths([{ id: 1 }, { id: 2 }, { id: 3 }, { id: 4 }], DATASET_PATHS);

  expect(orderIssues(order({ mountedDatasets: mounts })).map((issue) => issue.path)).toContain(
    "mounted_datasets",
  );
});

test.each<[string, Parameters<typeof startIssue>[0], string | null]>([
  ["a tag", { image: "registry.example:5000/team/pytorch:2.1", memory: MIN_MEMORY }, null],
  ["an image id", { image: `sha256:${"0".repeat(64)}`, memory: MIN_MEMORY }, null],
  ["the longest name", { image: "x".repeat(256), memory: MIN_MEMORY }, null],
  ["no image", { image: "", memory: MIN_MEMORY }, 'called ""'],
  ["an image with a blank", { image: "my image", memory: MIN_MEMORY }, 'called "my image"'],
  [
    "an image with a line break at its end",
    { image: "busybox\n", memory: MIN_MEMORY },
    'called "busybox\\n"',
  ],
  ["a byte too little memory", { image: "busybox", memory: MIN_MEMORY - 1 }, "16777215 bytes"],
])("an old order with %s can or cannot be started", (_what, order, issue) => {
  const found = startIssue(order);

  expect(issue === null ? found === null : found !== null && inEnglish(found).includes(issue)).toBe(true);
});
