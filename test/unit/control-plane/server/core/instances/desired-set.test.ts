import { expect, test } from "vitest";
import { rulesOf } from "@remotegpu/control-plane/server/core/workloads/kinds";
import { featuresFor } from "@remotegpu/shared/instance/features";
import { replicaLive } from "@remotegpu/control-plane/server/core/inference/service-config";
import { type DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import {
  type EnvironmentOrder,
  environmentLive,
  environmentSpec,
  isBelowPool,
  rankLive,
  type RankOrder,
  rankSpec,
  replicaSpec,
} from "@remotegpu/control-plane/server/core/instances/desired-set";

const order = (change: Partial<EnvironmentOrder> = {}): EnvironmentOrder => ({
  id: "env-1",
  network: "ws-7",
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

test("variables name what is mounted where, and only what lies in its family's place", () => {
  const at = (target: string) => ({ target, storagePath: "x" });
  const spec = environmentSpec(
    order({
      datasets: [at("/gemini/data-1"), at("/gemini/data-3"), at("/gemini/data-4"), at("/elsewhere")],
      models: [at("/gemini/pretrain2")],
    }),
    [],
  );

  expect(spec.env).toEqual({
    GEMINI_DATA_IN1: "/gemini/data-1",
    GEMINI_DATA_IN3: "/gemini/data-3",
    GEMINI_PRETRAIN2: "/gemini/pretrain2",
    GEMINI_CODE: "/gemini/code",
    GEMINI_DATA_OUT: "/gemini/output",
  });
});

test("without a model nothing is at /gemini/pretrain", () => {
  const { mounts } = environmentSpec(
    order({ datasets: [{ target: "/gemini/data-1", storagePath: "d" }] }),
    [],
  );

  expect(mounts).toEqual([{ kind: "dataset", source: "d", target: "/gemini/data-1" }]);
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

const rank = (change: Partial<RankOrder> = {}): RankOrder => ({
  id: "job-1",
  network: "ws-7",
  image: "trainer:1",
  command: "python train.py",
  attempt: 1,
  cpuMilli: 2000,
  memoryBytes: 2 ** 30,
  envVars: { EPOCHS: "3" },
  datasets: [{ target: "/gemini/data-1", storagePath: "d/1" }],
  models: [],
  rank: 1,
  outputPath: "/gemini/output/",
  gang: null,
  distributedEnv: {},
  launch: null,
  code: null,
  ...change,
});

test("a rank runs its job's command in the workspace's network and shares one output folder with the others", () => {
  const spec = rankSpec(rank(), [{ uuid: "GPU-12345678-aaaa", memoryMib: null, shareThousandths: 1000 }]);

  expect(InstanceSpec.parse(spec)).toEqual(spec);
  expect(spec).toMatchObject({
    kind: "training",
    workloadId: "job-1",
    hostname: "job-1-1",
    network: "ws-7",
    command: "python train.py",
    env: { EPOCHS: "3", GEMINI_DATA_IN1: "/gemini/data-1", GEMINI_DATA_OUT: "/gemini/output" },
    mounts: [{ kind: "dataset", source: "d/1", target: "/gemini/data-1" }],
    folders: [{ source: "training-jobs/job-1/output/attempt-1", target: "/gemini/output" }],
    gpus: [{ uuid: "GPU-12345678-aaaa", memoryMib: null }],
    jupyter: false,
  });
  expect(rankSpec(rank({ rank: 2 }), []).folders).toEqual(spec.folders);
});

test.each([
  ["/results/", "/results"],
  ["/", "/gemini/output"],
  ["", "/gemini/output"],
])("results that are left in %j are stored from %s", (outputPath, target) => {
  const spec = rankSpec(rank({ outputPath }), []);

  expect(spec.folders.map((folder) => folder.target)).toEqual([target]);
  expect(spec.env["GEMINI_DATA_OUT"]).toBe(target);
});

test("each attempt gets its number, and writes into a folder of its own", () => {
  const spec = rankSpec(rank({ attempt: 3, envVars: { REMOTEGPU_ATTEMPT: "mine" } }), []);

  expect(spec.env["REMOTEGPU_ATTEMPT"]).toBe("3");
  expect(spec.folders[0]?.source).toBe("training-jobs/job-1/output/attempt-3");
});

test("what attempts before have left is visible to the next one, each by its name; the first has none", () => {
  const views = (attempt: number) => rankSpec(rank({ attempt }), []).views;

  expect(views(1)).toBeUndefined();
  expect(views(3)).toEqual([
    { source: "training-jobs/job-1/output/attempt-1", target: "/gemini/attempts/attempt-1" },
    { source: "training-jobs/job-1/output/attempt-2", target: "/gemini/attempts/attempt-2" },
  ]);
});

test("a rank's host name stays one, whatever the job's id and the rank", () => {
  const spec = rankSpec(rank({ id: "j".repeat(63), rank: 9999 }), []);

  expect(spec.hostname).toBe(`${"j".repeat(58)}-9999`);
});

test("a gang over several hosts ends by itself 15 minutes after it is cut off; one on a single host runs on", () => {
  expect(rankLive({ hosts: 2, stopGraceSeconds: 30, stallAfterSeconds: null })).toMatchObject({
    onDisconnect: "stop_after",
    stopAfterSeconds: 900,
  });
  expect(rankLive({ hosts: 1, stopGraceSeconds: 30, stallAfterSeconds: null })).toEqual(environmentLive());
});

test.each([1, 2])(
  "a rank of a job on %i hosts is notified after how long of nothing it has stalled",
  (hosts) => {
    const live = { hosts, stopGraceSeconds: 30 };

    expect(rankLive({ ...live, stallAfterSeconds: 900 }).stallAfterSeconds).toBe(900);
    expect(rankLive({ ...live, stallAfterSeconds: null })).not.toHaveProperty("stallAfterSeconds");
  },
);

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

test("what a kind's specs need of an agent is what its rules list, however little was ordered", () => {
  const needsOf = (spec: InstanceSpec, live: Partial<DesiredInstance["live"]> = {}) =>
    featuresFor({ spec, live });
  const replica = { ...order(), rank: 0, command: null, port: 8000 };

  expect(needsOf(environmentSpec(order(), []))).toEqual(rulesOf("environment").needs);
  expect(needsOf(rankSpec(rank(), []))).toEqual(rulesOf("training").needs);
  const live = replicaLive(null, { path: null, intervalSeconds: 30 });
  expect(needsOf(replicaSpec(replica, []), live)).toEqual(rulesOf("inference").needs);
});

test("a rank's container is started once: what its end means is not its host's to decide", () => {
  expect(rankSpec(rank(), []).restarts).toBe("never");
});

test("where one rank starts the processes of all, the job's command is that one's alone", () => {
  const spec = (change: { rank: number; role: "leads" | "follows" }) => {
    const made = rankSpec(
      rank({ rank: change.rank, launch: { role: change.role, attempt: 2, slots: 4 } }),
      [],
    );
    expect(InstanceSpec.parse(made)).toEqual(made);
    return [made.command, made.launch];
  };

  expect(spec({ rank: 0, role: "leads" })).toEqual([
    "python train.py",
    { role: "leads", attempt: 2, slots: 4 },
  ]);
  expect(spec({ rank: 1, role: "follows" })).toEqual([null, { role: "follows", attempt: 2, slots: 4 }]);
});
