/** `logs`, `events` and `instances`: what people ask of a workload, whatever its kind. */
import { once } from "node:events";
import type { Command } from "commander";
import { z } from "zod";
import type { Row } from "./api-client.ts";
import { wholeNumber } from "./arguments.ts";
import { withContext, type Context } from "./context.ts";
import { printList, type Column } from "./output.ts";

export const EVENT_COLUMNS: Column[] = ["at", "actor", "kind", "old", "new", "reason"];
const INSTANCE_COLUMNS: Column[] = [
  "id",
  "rank",
  "state",
  ["host", (row) => row.host_name ?? row.host_id],
  [
    "gpus",
    (row) =>
      Gpus.parse(row.gpus ?? [])
        .map(({ uuid }) => uuid)
        .join(", "),
  ],
  "run_id",
  ["ended", endText],
  ["charged", (row) => latestRun(row)?.charged],
  "detail",
];

const Gpus = z.array(z.looseObject({ uuid: z.string() }));
const Runs = z.array(
  z.looseObject({
    charged: z.string().optional(),
    end: z
      .looseObject({
        phase: z.string(),
        exit_code: z.int().nullable(),
        signal: z.string().nullable(),
        out_of_memory: z.boolean(),
      })
      .nullish(),
  }),
);

interface LogOptions {
  follow?: boolean;
  tail?: number;
  rank?: number;
  run?: string;
  json?: boolean;
}

/** @param route "/environments" and the like */
export function addStoryCommands(group: Command, route: string): void {
  group
    .command("logs <id>")
    .description("what its container wrote; also after it has ended")
    .option("-f, --follow", "go on until the run ends, or Ctrl-C")
    .option("--tail <lines>", "begin with so many of the last lines", wholeNumber)
    .option("--rank <number>", "which instance of a job or service", wholeNumber)
    .option("--run <id>", "another run than the latest (see instances)")
    .action(
      withContext(async (context: Context, id: string, options: LogOptions) => {
        await printLogs(context, `${route}/${encodeURIComponent(id)}/logs`, options);
      }),
    );

  for (const [noun, description, columns] of [
    ["events", "what happened to it, newest first", EVENT_COLUMNS],
    ["instances", "where it runs, and how its runs ended", INSTANCE_COLUMNS],
  ] as const) {
    group
      .command(`${noun} <id>`)
      .description(description)
      .action(
        withContext(async ({ api, output }: Context, id: string) =>
          printList(output, await api.list(`${route}/${encodeURIComponent(id)}/${noun}`), [...columns]),
        ),
      );
  }
}

/** As JSON it is one object at the end, so it cannot be followed; as text the bytes as they were written. */
async function printLogs({ api, output }: Context, path: string, options: LogOptions): Promise<void> {
  const { follow = false, tail, rank, run } = options;
  const query = {
    follow: follow && !output.json ? "true" : undefined,
    tail: tail?.toString(),
    rank: rank?.toString(),
    run,
  };
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  const collected: Buffer[] = [];
  const write = async (bytes: Buffer) => {
    if (output.json) collected.push(bytes);
    else if (!process.stdout.write(bytes)) await once(process.stdout, "drain");
  };
  try {
    await api.stream(path, query, { write, signal: interrupted.signal });
  } finally {
    process.off("SIGINT", interrupt);
  }
  if (output.json) output.write(`${JSON.stringify({ log: Buffer.concat(collected).toString("utf8") })}\n`);
}

function latestRun(row: Row): z.infer<typeof Runs>[number] | undefined {
  return Runs.parse(row.runs ?? [])[0];
}

function endText(row: Row): string | undefined {
  const end = latestRun(row)?.end;
  if (end === undefined || end === null) return undefined;
  const facts = [
    ...(end.exit_code === null ? [] : [`exit code ${end.exit_code}`]),
    ...(end.signal === null ? [] : [end.signal]),
    ...(end.out_of_memory ? ["out of memory"] : []),
  ];
  return facts.length === 0 ? end.phase : `${end.phase}: ${facts.join(", ")}`;
}
