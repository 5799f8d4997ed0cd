import { describe, expect, test } from "vitest";
import { DistributedConfig } from "@remotegpu/control-plane/server/http/training/distributed-config";

describe("a distributed_config", () => {
  test.each([
    { framework: "pytorch" },
    { framework: "pytorch", backend: "cpu:gloo,cuda:nccl", rdzv: "c10d" },
    { framework: "jax" },
  ])("is taken: %j", (config) => {
    expect(DistributedConfig.safeParse(config).success).toBe(true);
  });

  test.each([
    {},
    [],
    "pytorch",
    { framework: "PyTorch" },
    { framework: "pytorch", rdzv: "etcd" },
    { framework: "pytorch", backend: "" },
    { framework: "pytorch", backend: "a".repeat(33) },
    { framework: "pytorch", backend: "nccl; rm" },
    { framework: "pytorch", nodes: 2 },
  ])("of another shape is refused: %j", (config) => {
    expect(DistributedConfig.safeParse(config).success).toBe(false);
  });
});
