/** Lists of a cluster as they are recorded, made up here; whoever names no column gets a plain one. */

interface HostLine {
  name: string;
  cpu?: number;
  gpu: number;
  model?: string;
}

interface TaskLine {
  name: string;
  cpu?: number;
  gpus?: number;
  share?: number;
  models?: string;
}

export function hostsCsv(hosts: readonly HostLine[]): string {
  const lines = hosts.map(
    ({ name, cpu = 8_000, gpu, model = gpu > 0 ? "A" : "" }) => `${name},${cpu},8000,${gpu},${model}`,
  );
  return ["sn,cpu_milli,memory_mib,gpu,model", ...lines, ""].join("\n");
}

export function tasksCsv(tasks: readonly TaskLine[]): string {
  const lines = tasks.map(
    ({ name, cpu = 100, gpus = 1, share = 1_000, models = "" }) =>
      `${name},${cpu},1,${gpus},${share},${models}`,
  );
  return ["name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec", ...lines, ""].join("\n");
}
