import { expect, test } from "vitest";
import {
  gangRequest,
  gangShare,
  rankResources,
  type TrainingResources,
} from "@remotegpu/control-plane/core/training-order";
import { GIB } from "@remotegpu/shared/units";

const job = (change: Partial<TrainingResources> = {}) => ({
  id: "job-1",
  image: "trainer:1",
  cpu: 4,
  memory: 8 * GIB,
  gpu: 2,
  gpu_memory: null,
  node_count: 3,
  config: null,
  ...change,
});

test("a job asks for as many instances as it has ranks, each with the sizes ordered", () => {
  const request = gangRequest(job(), { skips: [], pricedModels: ["NVIDIA L4"] });

  expect(request).toMatchObject({
    id: "job-1",
    instances: 3,
    distinctHosts: false,
    cpuMilli: 4000,
    memoryMib: 8192,
    tempStorageMib: 0,
    gpu: { kind: "whole", count: 2, models: ["NVIDIA L4"] },
    image: "trainer:1",
    storagePool: null,
  });
});

test("ranks go to hosts of their own and to hosts with certain labels where the job says so", () => {
  const config = { distinct_hosts: true, host_labels: { rack: "r1" } };

  const request = gangRequest(job({ config }), { skips: [], pricedModels: null });

  expect(request).toMatchObject({ distinctHosts: true, labels: { rack: "r1" } });
});

test("the quotas count every rank, and no environment and no storage", () => {
  expect(gangShare(job())).toEqual({
    cpu_quota: 12,
    memory_quota: 3 * 8192,
    gpu_quota: 6,
    storage_quota: 0,
    environment_quota: 0,
  });
});

test("a rank is priced like an environment of its size and spec", () => {
  const config = { spec: "big" };

  expect(rankResources(job({ config, gpu_memory: GIB }))).toEqual({
    cpu: 4,
    memory: 8 * GIB,
    gpu: 2,
    gpu_memory: GIB,
    storage: null,
    temp_storage: null,
    config,
  });
});
