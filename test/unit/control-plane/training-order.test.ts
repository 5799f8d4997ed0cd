import { expect, test } from "vitest";
import {
  type TrainingOrder,
  trainingQuotaShare,
  trainingRequest,
} from "@remotegpu/control-plane/core/training-order";
import { GIB } from "@remotegpu/shared/units";

function aJob(change: Partial<TrainingOrder> = {}): TrainingOrder {
  return {
    id: "job-1",
    image: "trainer:1",
    cpu: 4,
    memory: 2 * GIB,
    gpu: 8,
    gpu_memory: null,
    storage: null,
    temp_storage: null,
    config: null,
    node_count: 3,
    distinct_hosts: false,
    ...change,
  };
}

test("a job asks for all of its instances at once, each of the size ordered", () => {
  const request = trainingRequest(aJob({ config: { host_labels: { rack: "r1" } } }), {
    skips: [],
    pricedModels: ["L4"],
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
    image: "trainer:1",
    storagePool: null,
    skips: [],
  });
});

test("a job that asks for hosts of their own gets them", () => {
  const facts = { skips: [], pricedModels: null };

  expect(trainingRequest(aJob({ distinct_hosts: true }), facts).distinctHosts).toBe(true);
});

test("a job takes of the quotas what all of its instances take, and counts as no environment", () => {
  expect(trainingQuotaShare(aJob({ storage: GIB }))).toEqual({
    cpu_quota: 12,
    memory_quota: 6144,
    gpu_quota: 24,
    storage_quota: 0,
    environment_quota: 0,
  });
});
