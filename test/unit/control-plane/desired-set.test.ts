import { expect, test } from "vitest";
import { InstanceSpec } from "@remotegpu/shared/instance";
import {
  type EnvironmentOrder,
  environmentSpec,
  isBelowPool,
} from "@remotegpu/control-plane/core/desired-set";

const order = (change: Partial<EnvironmentOrder> = {}): EnvironmentOrder => ({
  id: "env-1",
  workspaceId: "7",
  image: "busybox:1",
  command: null,
  cpuMilli: 2000,
  memoryBytes: 2 ** 30,
  storageBytes: null,
  tempStorageBytes: null,
  envVars: {},
  datasets: [],
  models: [],
  jupyter: true,
  tensorboard: false,
  ...change,
});

test("an environment keeps its code and output under its own id and lives in its workspace's network", () => {
  const spec = environmentSpec(order(), []);

  expect(spec.network).toBe("ws-7");
  expect(spec.folders).toEqual([
    { source: "environments/env-1/code", target: "/gemini/code" },
    { source: "environments/env-1/output", target: "/gemini/output" },
  ]);
  expect(spec.env).toEqual({ GEMINI_CODE: "/gemini/code", GEMINI_DATA_OUT: "/gemini/output" });
});

test("what is mounted is read-only, has its variable, and the first model is also /gemini/pretrain", () => {
  const spec = environmentSpec(
    order({
      datasets: [{ target: "/gemini/data-2", storagePath: "/shared/images/" }],
      models: [
        { target: "/gemini/pretrain3", storagePath: "m/three" },
        { target: "/gemini/pretrain1", storagePath: "m/one" },
      ],
    }),
    [],
  );

  expect(spec.mounts).toEqual([
    { kind: "dataset", source: "shared/images", target: "/gemini/data-2" },
    { kind: "model", source: "m/three", target: "/gemini/pretrain3" },
    { kind: "model", source: "m/one", target: "/gemini/pretrain1" },
    { kind: "model", source: "m/one", target: "/gemini/pretrain" },
  ]);
  expect(spec.env).toMatchObject({
    GEMINI_DATA_IN2: "/gemini/data-2",
    GEMINI_PRETRAIN1: "/gemini/pretrain1",
    GEMINI_PRETRAIN3: "/gemini/pretrain3",
  });
  expect(spec.env).not.toHaveProperty("GEMINI_DATA_IN1");
});

test("the fullest order is one that a host accepts, newlines in variables and all", () => {
  const three = [1, 2, 3];
  const spec = environmentSpec(
    order({
      envVars: { TEXT: "one\ntwo 'three' $HOME" },
      datasets: three.map((n) => ({ target: `/gemini/data-${n}`, storagePath: `d/${n}` })),
      models: three.map((n) => ({ target: `/gemini/pretrain${n}`, storagePath: `m/${n}` })),
    }),
    [{ uuid: "GPU-12345678-aaaa", memoryMib: 8192, shareThousandths: 333 }],
  );

  expect(InstanceSpec.parse(spec)).toEqual(spec);
  expect(spec.env["TEXT"]).toBe("one\ntwo 'three' $HOME");
});

test.each([
  ["a/b", true],
  ["/a/b/", true],
  ["a".repeat(512), true],
  ["", false],
  ["/", false],
  ["../a", false],
  ["a/../b", false],
  ["a/./b", false],
  ["a//b", false],
  ["a".repeat(513), false],
])("whether %j stays below the pool: %s", (path, below) => {
  expect(isBelowPool(path)).toBe(below);
});
