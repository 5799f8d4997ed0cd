import { expect, test } from "vitest";
import {
  gangRequest,
  gangShare,
  rankResources,
  type TrainingResources,
} from "@remotegpu/control-plane/core/training/training-order";
import { GIB } from "@remotegpu/shared/units";

function aJob(change: Partial<TrainingResources> = {}) {
  return {
    id: "job-1",
    image: "trainer:1",
    cpu: 4,
    memory: 2 * GIB,
    gpu: 8,
    gpu_memory: null,
    config: null,
    node_count: 3,
    ...change,
  };
}

test("a job asks for all of its ranks at once, each of the size ordered", () => {
  const request = gangRequest(aJob({ config: { host_labels: { rack: "r1" } } }), {
    skips: [],
    pricedModels: ["L4"],
    features: ["image-fetches"],
  });

  expect(request).toEqual({
    id: "job-1",
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
  });
});

test("a job that asks for hosts of their own for its ranks gets them", () => {
  const known = { skips: [], pricedModels: null, features: [] };

  expect(gangRequest(aJob({ config: { distinct_hosts: true } }), known).distinctHosts).toBe(true);
  expect(gangRequest(aJob({ config: { distinct_hosts: false } }), known).distinctHosts).toBe(false);
});

test("a job takes of the quotas what all of its ranks take, and counts as no environment", () => {
  expect(gangShare(aJob())).toEqual({
    cpu_quota: 12,
    memory_quota: 6144,
    gpu_quota: 24,
    storage_quota: 0,
    environment_quota: 0,
  });
});

test("a rank asks for what was ordered for each, under the maximum price of all", () => {
  expect(rankResources(aJob({ gpu_memory: GIB, config: { gpu_sharing: "shared" } }))).toEqual({
    cpu: 4,
    memory: 2 * GIB,
    gpu: 8,
    gpu_memory: GIB,
    storage: null,
    temp_storage: null,
    config: { gpu_sharing: "shared" },
    node_count: 3,
  });
});
