/** The options of a replay of placements, and the lists that they name. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { POLICIES } from "@remotegpu/control-plane/server/core/placement/scoring/policies";
import { z } from "zod";
import { recordedHosts, recordedTasks } from "./cluster-lists.ts";
import type { Cluster } from "./placement-scene.ts";
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
  departures: z.boolean(),
  json: z.boolean(),
});
export type PlacementOptions = z.output<typeof Options>;

/** @throws ReplayError */
export function placementOptions(args: string[]): PlacementOptions {
  const options = Options.safeParse(argumentsOf(args));
  if (options.success) return options.data;
  const [issue] = options.error.issues;
  throw new ReplayError(`--${String(issue?.path[0])} ${issue?.message}`);
}

/** @throws ReplayError naming the file and the line */
export function clusterOf({ hosts, tasks }: PlacementOptions): Cluster {
  const cluster = { hosts: readList(hosts, recordedHosts), tasks: readList(tasks, recordedTasks) };
  if (!cluster.hosts.some(({ gpu }) => gpu > 0)) throw new ReplayError(`${hosts}: no host has a GPU`);
  if (!cluster.tasks.some(({ gpuCount }) => gpuCount > 0))
    throw new ReplayError(`${tasks}: no task asks for a GPU`);
  return cluster;
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
        departures: { type: "boolean", default: false },
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
