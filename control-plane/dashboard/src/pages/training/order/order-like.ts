/** The order that would make a job once more. */
import type { NewTrainingJob } from "@remotegpu/control-plane/client/generated/api.schemas";
import { knownValues } from "../../../components/workload/known-values.ts";
import type { Job } from "../job/job.ts";

const ORDERED = [
  "workspace_id",
  "name",
  "description",
  "framework",
  "image",
  "command",
  "cpu",
  "memory",
  "gpu",
  "gpu_memory",
  "node_count",
  "distributed_config",
  "mounted_datasets",
  "mounted_models",
  "env_vars",
  "output_path",
  "priority",
  "code_id",
  "env_id",
  "config",
] as const satisfies (keyof Job & keyof NewTrainingJob)[];

/** What is null of it was not ordered. The old system wrote mounts of 0 for none. */
export function orderLike(job: Job): Partial<NewTrainingJob> {
  const order = Object.fromEntries(
    ORDERED.flatMap((name) => (job[name] === null || job[name] === undefined ? [] : [[name, job[name]]])),
  );
  const mounts = (ids: readonly number[] | null) => (ids ?? []).filter((id) => id > 0);
  return {
    ...order,
    mounted_datasets: mounts(job.mounted_datasets),
    mounted_models: mounts(job.mounted_models),
    // What is hidden has to be given anew.
    ...(job.env_vars !== null && { env_vars: knownValues(job.env_vars) }),
  };
}
