import { describe, expect, test } from "vitest";
import {
  namesTaken,
  rankEnvironment,
  type RankPlace,
} from "@remotegpu/control-plane/core/training/rank-environment";

const PLACE: RankPlace = { rank: 1, names: ["job-0", "job-1", "job-2"], gpus: 4, attemptId: "job.2" };
const COMMON = {
  RANK: "1",
  NODE_RANK: "1",
  WORLD_SIZE: "3",
  NNODES: "3",
  LOCAL_RANK: "0",
  LOCAL_WORLD_SIZE: "1",
  NPROC_PER_NODE: "4",
  MASTER_ADDR: "job-0",
  MASTER_PORT: "29500",
  REMOTEGPU_RANKS: "job-0,job-1,job-2",
  PET_NNODES: "3",
  PET_NPROC_PER_NODE: "4",
};
const STATIC = { PET_NODE_RANK: "1", PET_MASTER_ADDR: "job-0", PET_MASTER_PORT: "29500" };

describe("a rank's environment", () => {
  test("of a gang that names no framework is that of one process for each rank", () => {
    expect(rankEnvironment(null, PLACE)).toEqual({ ...COMMON, ...STATIC });
  });

  test("of PyTorch by c10d names the attempt, and no rank to torchrun, which finds its own", () => {
    const config = { framework: "pytorch", rdzv: "c10d", backend: "gloo" } as const;

    expect(rankEnvironment(config, PLACE)).toEqual({
      ...COMMON,
      REMOTEGPU_BACKEND: "gloo",
      PET_RDZV_BACKEND: "c10d",
      PET_RDZV_ENDPOINT: "job-0:29500",
      PET_RDZV_ID: "job.2",
    });
  });

  test("of JAX has its coordinator, and that of TensorFlow its cluster", () => {
    expect(rankEnvironment({ framework: "jax" }, PLACE)).toEqual({
      ...COMMON,
      ...STATIC,
      JAX_COORDINATOR_ADDRESS: "job-0:29500",
      JAX_NUM_PROCESSES: "3",
      JAX_PROCESS_ID: "1",
    });
    const { TF_CONFIG: config = "" } = rankEnvironment({ framework: "tensorflow" }, PLACE);
    expect(JSON.parse(config)).toEqual({
      cluster: { worker: ["job-0:29500", "job-1:29500", "job-2:29500"] },
      task: { type: "worker", index: 1 },
    });
  });

  test("without a GPU is still of one process", () => {
    expect(rankEnvironment(null, { ...PLACE, gpus: 0 })).toMatchObject({
      NPROC_PER_NODE: "1",
      PET_NPROC_PER_NODE: "1",
    });
  });
});

test("names are taken only where they are set", () => {
  const given = ["RANK", "PET_RDZV_ID", "TF_CONFIG", "LR"];

  expect(namesTaken(given, { config: null, ranks: 1 })).toEqual([]);
  expect(namesTaken(given, { config: null, ranks: 2 })).toEqual(["RANK"]);
  expect(namesTaken(given, { config: { framework: "tensorflow" }, ranks: 1 })).toEqual(["RANK", "TF_CONFIG"]);
  expect(namesTaken(given, { config: { framework: "pytorch", rdzv: "c10d" }, ranks: 1 })).toEqual([
    "RANK",
    "PET_RDZV_ID",
  ]);
});
