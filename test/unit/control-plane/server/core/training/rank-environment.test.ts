import { describe, expect, test } from "vitest";
import {
  namesTaken,
  rankEnvironment,
  type RankPlace,
} from "@remotegpu/control-plane/server/core/training/rank-environment";
import { launchEnvironment } from "@remotegpu/control-plane/server/core/training/launch/launch-environment";

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
const LAUNCHED = {
  NODE_RANK: "1",
  NNODES: "3",
  NPROC_PER_NODE: "4",
  MASTER_ADDR: "job-0",
  MASTER_PORT: "29500",
  REMOTEGPU_RANKS: "job-0,job-1,job-2",
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

  test.each(["mpi", "horovod"] as const)(
    "by %s has nothing that its processes would take for their own rank",
    (framework) => {
      expect(rankEnvironment({ framework, backend: "nccl" }, PLACE)).toEqual({
        ...LAUNCHED,
        REMOTEGPU_BACKEND: "nccl",
        ...launchEnvironment(framework, { ranks: 3, slots: 4 }),
      });
    },
  );

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
  const launch = ["RANK", "OMPI_MCA_plm_rsh_agent", "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_pml"];
  expect(namesTaken(launch, { config: { framework: "mpi" }, ranks: 2 })).toEqual(launch.slice(1, 3));
  expect(namesTaken(launch, { config: { framework: "mpi" }, ranks: 1 })).toEqual(launch.slice(2, 3));
});
