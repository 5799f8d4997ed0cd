import { describe, expect, test } from "vitest";
import { gangNetworks } from "@remotegpu/control-plane/server/core/training/gang-network";
import {
  distributedConfigOf,
  distributedEnv,
  jobNeeds,
  launchOf,
  retryTerms,
  stopGraceSeconds,
} from "@remotegpu/control-plane/server/core/training/job-config";
import type { DistributedConfig } from "@remotegpu/control-plane/server/core/training/rank-environment";

test("without a word of it a job has 30 seconds to end, three tries elsewhere and none of its own", () => {
  expect(stopGraceSeconds(null)).toBe(30);
  expect(retryTerms({})).toEqual({ infrastructure: 3, program: 0 });
});

test("its own words hold, nought too", () => {
  const config = { stop_grace_seconds: 600, max_retries: 2, max_infrastructure_retries: 0 };

  expect(stopGraceSeconds(config)).toBe(600);
  expect(retryTerms(config)).toEqual({ infrastructure: 0, program: 2 });
});

test.each([
  [300, []],
  [301, ["long-stops"]],
])("a grace of %d seconds needs %j of an agent", (seconds, needs) => {
  expect(
    jobNeeds({ stop_grace_seconds: seconds }, { attempt: 1, ranks: 1, code: null, distributed: null }),
  ).toEqual(needs);
});

test("a second attempt needs an agent that shows it what the first one left", () => {
  expect(jobNeeds(null, { attempt: 1, ranks: 1, code: null, distributed: null })).toEqual([]);
  expect(jobNeeds(null, { attempt: 2, ranks: 1, code: null, distributed: null })).toEqual(["views"]);
});

test("several ranks need an agent that joins gangs", () => {
  expect(jobNeeds(null, { attempt: 1, ranks: 2, code: null, distributed: null })).toEqual(["gangs"]);
});

test.each<[DistributedConfig["framework"], number, string[]]>([
  ["mpi", 2, ["gangs", "launch"]],
  ["horovod", 2, ["gangs", "launch"]],
  ["mpi", 1, []],
  ["pytorch", 2, ["gangs"]],
])("%s over %i ranks needs %j of an agent", (framework, ranks, needs) => {
  expect(jobNeeds(null, { attempt: 1, ranks, code: null, distributed: { framework } })).toEqual(needs);
});

test("of several ranks of MPI the first one leads, with room for a process on each GPU or for one", () => {
  const of = (rank: number, gpus: number) =>
    launchOf({ framework: "mpi" }, { rank, ranks: 3, gpus, attempt: 2 });

  expect(of(0, 4)).toEqual({ role: "leads", attempt: 2, slots: 4 });
  expect(of(2, 0)).toEqual({ role: "follows", attempt: 2, slots: 1 });
});

test("code that comes along needs an agent that brings it; an environment's, one that shows it", () => {
  const of = (code: Parameters<typeof jobNeeds>[1]["code"]) =>
    jobNeeds(null, { attempt: 1, ranks: 1, code, distributed: null });

  expect(of("brought")).toEqual(["code"]);
  expect(of("of-environment")).toEqual(["views", "code"]);
});

test.each([
  [null, null],
  [{ framework: "caffe" }, null],
  [{ framework: "jax" }, { framework: "jax" }],
  [
    { framework: "pytorch", backend: "nccl", rdzv: "c10d", workers: 3 },
    { framework: "pytorch", backend: "nccl", rdzv: "c10d" },
  ],
  [{ framework: "pytorch", backend: 4, rdzv: "etcd" }, { framework: "pytorch" }],
])("of what was stored as %j is understood %j", (stored, understood) => {
  expect(distributedConfigOf(stored)).toEqual(understood);
});

describe("the environment of a rank", () => {
  const alone = { id: "job-1", attempt: 2, rank: 0, gpus: 4, gang: null };

  test("of a single one that names no framework mentions nothing of others", () => {
    expect(distributedEnv(null, alone)).toEqual({});
  });

  test("of a single one that names one is that of a world of one", () => {
    expect(distributedEnv({ framework: "pytorch", rdzv: "c10d" }, alone)).toMatchObject({
      WORLD_SIZE: "1",
      MASTER_ADDR: "job-1-0",
      PET_RDZV_ID: "job-1-2",
    });
  });

  test("of several names them all", () => {
    const places = ["a", "b"].map((hostId, rank) => ({
      name: `job-1-${rank}`,
      hostId,
      hostAddress: "192.0.2.1",
    }));
    const [, gang = null] = gangNetworks(places, { number: 0, udpPort: 8473 });

    expect(distributedEnv(null, { ...alone, rank: 1, gang })).toMatchObject({
      RANK: "1",
      WORLD_SIZE: "2",
      MASTER_ADDR: "job-1-0",
      REMOTEGPU_RANKS: "job-1-0,job-1-1",
    });
  });
});
