/**
 * The lists of a recorded cluster: its hosts and what was ordered, as CSV with a header (fields without quotes). Columns
 * are known by their names: sn, cpu_milli, memory_mib, gpu, model of hosts; name, cpu_milli, memory_mib, num_gpu,
 * gpu_milli and, where a task may only use some models, gpu_spec of tasks.
 */
import { THOUSANDTHS } from "@remotegpu/shared/values/units";
import { z } from "zod";
import { ReplayError } from "./replay-error.ts";

const Amount = z
  .string()
  .regex(/^\d{1,9}$/, "must be a whole number")
  .transform(Number);

const Host = z.object({
  sn: z.string().min(1),
  cpu_milli: Amount,
  memory_mib: Amount,
  gpu: Amount,
  model: z.string(),
});
export type RecordedHost = z.output<typeof Host>;

const Task = z
  .object({
    name: z.string().min(1),
    cpu_milli: Amount,
    memory_mib: Amount,
    num_gpu: Amount,
    gpu_milli: Amount,
    gpu_spec: z.string().default(""),
  })
  .refine(
    ({ num_gpu: count, gpu_milli: share }) =>
      count === 0 || (share > 0 && share <= THOUSANDTHS && (count === 1 || share === THOUSANDTHS)),
    "gpu_milli must be 1 to 1000, and 1000 for several GPUs",
  )
  .transform((task) => ({
    name: task.name,
    cpuMilli: task.cpu_milli,
    memoryMib: task.memory_mib,
    gpuCount: task.num_gpu,
    shareThousandths: task.num_gpu === 0 ? 0 : task.gpu_milli,
    models: task.gpu_spec === "" ? null : task.gpu_spec.split("|"),
  }));
export type RecordedTask = z.output<typeof Task>;

/** @throws ReplayError naming the line */
export function recordedHosts(csv: string): RecordedHost[] {
  return rowsOf(csv, Host);
}

/** @throws ReplayError naming the line */
export function recordedTasks(csv: string): RecordedTask[] {
  return rowsOf(csv, Task);
}

function rowsOf<T>(csv: string, schema: z.ZodType<T>): T[] {
  const [header = "", ...lines] = csv.trim().split(/\r?\n/);
  const columns = header.split(",");
  return lines.map((line, index) => {
    const fields = line.split(",");
    if (fields.length !== columns.length)
      throw new ReplayError(
        `line ${index + 2}: ${fields.length} fields where the header has ${columns.length}`,
      );
    const row = schema.safeParse(
      Object.fromEntries(columns.map((column, position) => [column, fields[position]])),
    );
    if (row.success) return row.data;
    const [issue] = row.error.issues;
    throw new ReplayError(`line ${index + 2}: ${[...(issue?.path ?? []), issue?.message].join(" ")}`);
  });
}
