/**
 * What each rank of a distributed job finds in its environment, so that a program that knows its framework alone finds the
 * others: one process for each rank, which a launcher such as torchrun divides by the rank's GPUs. A job of one rank that
 * asks for no framework gets none of it, since programs take these variables for a sign that there are others.
 *
 * Names and meanings are those of PyTorch's env:// initialization and of torchrun, whose every option is also read as
 * PET_<OPTION>, of jax.distributed.initialize, and of TensorFlow's TF_CONFIG, as their documentation gives them. What mpirun
 * and horovodrun find is in launch/launch-environment.ts.
 */
import { isLaunched, LAUNCHED, launchEnvironment } from "./launch/launch-environment.ts";

export const FRAMEWORKS = ["pytorch", "tensorflow", "jax", ...LAUNCHED] as const;
export const RENDEZVOUS = ["static", "c10d"] as const;

export interface DistributedConfig {
  framework: (typeof FRAMEWORKS)[number];
  /** As the program names it: nccl, gloo. */
  backend?: string | undefined;
  /** How torchrun's processes find each other; static without it. */
  rdzv?: (typeof RENDEZVOUS)[number] | undefined;
}

/** PyTorch's own; the ranks have a network of their own, so nobody else has it. */
const MASTER_PORT = 29_500;

export interface RankPlace {
  rank: number;
  /** The names by which all ranks know each other, in their order. */
  names: readonly string[];
  /** That this rank has. */
  gpus: number;
  /** Another one with each attempt of each job. */
  attemptId: string;
}

/** @param config null for a job of several ranks that names no framework */
export function rankEnvironment(config: DistributedConfig | null, place: RankPlace): Record<string, string> {
  return {
    ...ofEveryRank(place),
    ...(config?.backend !== undefined && { REMOTEGPU_BACKEND: config.backend }),
    ...(isLaunched(config?.framework)
      ? launchEnvironment(config.framework, { ranks: place.names.length, slots: processesOf(place.gpus) })
      : ofOneProcess(config, place)),
  };
}

function ofEveryRank({ rank, names, gpus }: RankPlace): Record<string, string> {
  return {
    NODE_RANK: String(rank),
    NNODES: String(names.length),
    NPROC_PER_NODE: String(processesOf(gpus)),
    MASTER_ADDR: firstOf(names),
    MASTER_PORT: String(MASTER_PORT),
    REMOTEGPU_RANKS: names.join(","),
  };
}

function ofOneProcess(config: DistributedConfig | null, place: RankPlace): Record<string, string> {
  return {
    RANK: String(place.rank),
    WORLD_SIZE: String(place.names.length),
    LOCAL_RANK: "0",
    LOCAL_WORLD_SIZE: "1",
    ...torchrun(config, place),
    ...(config?.framework === "jax" && jax(place)),
    ...(config?.framework === "tensorflow" && { TF_CONFIG: tfConfig(place) }),
  };
}

/** The variables of a customer that a rank would get from us: they would be lost without a word. */
export function namesTaken(
  given: readonly string[],
  { config, ranks }: { config: DistributedConfig | null; ranks: number },
): string[] {
  if (config === null && ranks === 1) return [];
  const names = Array.from({ length: ranks }, () => "");
  const ours = rankEnvironment(config, { rank: 0, names, gpus: 0, attemptId: "" });
  return given.filter((name) => name in ours);
}

/** One for each of its GPUs, and one where it has none. */
export function processesOf(gpus: number): number {
  return Math.max(1, gpus);
}

function firstOf([first = ""]: readonly string[]): string {
  return first;
}

/** Its defaults, so that its plain command is one of all ranks. */
function torchrun(
  config: DistributedConfig | null,
  { rank, names, gpus, attemptId }: RankPlace,
): Record<string, string> {
  const common = { PET_NNODES: String(names.length), PET_NPROC_PER_NODE: String(processesOf(gpus)) };
  if (config?.rdzv === "c10d")
    return {
      ...common,
      PET_RDZV_BACKEND: "c10d",
      PET_RDZV_ENDPOINT: `${firstOf(names)}:${MASTER_PORT}`,
      PET_RDZV_ID: attemptId,
    };
  return {
    ...common,
    PET_NODE_RANK: String(rank),
    PET_MASTER_ADDR: firstOf(names),
    PET_MASTER_PORT: String(MASTER_PORT),
  };
}

function jax({ rank, names }: RankPlace): Record<string, string> {
  return {
    JAX_COORDINATOR_ADDRESS: `${firstOf(names)}:${MASTER_PORT}`,
    JAX_NUM_PROCESSES: String(names.length),
    JAX_PROCESS_ID: String(rank),
  };
}

function tfConfig({ rank, names }: RankPlace): string {
  const worker = names.map((name) => `${name}:${MASTER_PORT}`);
  return JSON.stringify({ cluster: { worker }, task: { type: "worker", index: rank } });
}
