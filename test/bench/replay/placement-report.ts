/** The options of a replay of placements, and its figures as JSON or as a table. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { POLICIES, type Policy } from "@remotegpu/control-plane/core/placement/policies";
import { z } from "zod";
import { recordedHosts, recordedTasks } from "./cluster-lists.ts";
import { type Cluster, replayPlacement } from "./placement-protocol.ts";
import { ReplayError } from "./replay-error.ts";

const MAX_SEEDS = 10_000;

const Seeds = z.string().transform((text, context) => {
  const seeds: number[] = [];
  for (const part of text.split(",")) {
    const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    const from = Number(range?.[1]);
    const to = Number(range?.[2] ?? range?.[1]);
    if (range === null || to < from || to - from >= MAX_SEEDS) {
      context.addIssue({ code: "custom", message: "must be numbers and ranges, such as 42-51 or 1,2,5" });
      return z.NEVER;
    }
    for (let seed = from; seed <= to; seed += 1) seeds.push(seed);
  }
  return seeds;
});

const Options = z.object({
  hosts: z.string({ error: "is missing: the list of hosts" }),
  tasks: z.string({ error: "is missing: the list of tasks" }),
  policies: z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(z.enum(POLICIES, { error: `must be some of ${POLICIES.join(", ")}` }))),
  seeds: Seeds,
  json: z.boolean(),
});
type Options = z.output<typeof Options>;

interface Result {
  policy: Policy;
  mean100: number;
  mean130: number;
  /** Over the seeds, of a sample. */
  sd130: number;
}

/**
 * What the command prints.
 * @throws ReplayError
 */
export function placementReport(args: string[]): string {
  const options = readOptions(args);
  const cluster = {
    hosts: readList(options.hosts, recordedHosts),
    tasks: readList(options.tasks, recordedTasks),
  };
  refuseEmpty(cluster, options);
  const results = options.policies.map((policy) => resultOf(cluster, policy, options.seeds));
  return options.json ? `${JSON.stringify({ results })}\n` : tableOf(results);
}

function refuseEmpty({ hosts, tasks }: Cluster, options: Options): void {
  if (!hosts.some(({ gpu }) => gpu > 0)) throw new ReplayError(`${options.hosts}: no host has a GPU`);
  if (!tasks.some(({ gpuCount }) => gpuCount > 0))
    throw new ReplayError(`${options.tasks}: no task asks for a GPU`);
}

function resultOf(cluster: Cluster, policy: Policy, seeds: readonly number[]): Result {
  const runs = seeds.map((seed) => replayPlacement(cluster, { policy, seed }));
  const last = runs.map(({ at130 }) => at130);
  return {
    policy,
    mean100: meanOf(runs.map(({ at100 }) => at100)),
    mean130: meanOf(last),
    sd130: deviationOf(last),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

function readOptions(args: string[]): Options {
  const options = Options.safeParse(argumentsOf(args));
  if (options.success) return options.data;
  const [issue] = options.error.issues;
  throw new ReplayError(`--${String(issue?.path[0])} ${issue?.message}`);
}

function argumentsOf(args: string[]): Record<string, unknown> {
  try {
    const text = { type: "string" } as const;
    return parseArgs({
      args,
      options: {
        hosts: text,
        tasks: text,
        policies: { ...text, default: "random,best-fit,packing,fgd,default" },
        seeds: { ...text, default: "42-51" },
        json: { type: "boolean", default: false },
      },
    }).values;
  } catch (cause) {
    const { message } = cause instanceof Error ? cause : new Error(String(cause));
    throw new ReplayError(message.replaceAll("\n", " "), { cause });
  }
}

function readList<T>(file: string, parse: (csv: string) => T[]): T[] {
  let csv: string;
  try {
    csv = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ReplayError(`cannot read ${file}: ${String(cause)}`, { cause });
  }
  try {
    return parse(csv);
  } catch (error) {
    throw error instanceof ReplayError
      ? new ReplayError(`${file}, ${error.message}`, { cause: error })
      : error;
  }
}

function tableOf(results: readonly Result[]): string {
  const rows = [
    ["policy", "at 100 %", "at 130 %", "deviation"],
    ...results.map(({ policy, mean100, mean130, sd130 }) => [
      policy,
      mean100.toFixed(2),
      mean130.toFixed(2),
      sd130.toFixed(2),
    ]),
  ];
  return rows
    .map(([name = "", ...cells]) => `${name.padEnd(10)}${cells.map((cell) => cell.padStart(11)).join("")}\n`)
    .join("");
}
