/** What people ask of a workload, whatever its kind: what it wrote, what happened to it, where it runs and why not. */
import { z } from "zod";
import type { Row } from "../framework/api-client.ts";
import { wholeNumber, words } from "../framework/arguments.ts";
import { CliError } from "../framework/cli-error.ts";
import { command, flag, option, resourceField, type Command } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { listCommand, segment } from "../framework/list-command.ts";
import { printDone, printList, printOne, type Column } from "../framework/output.ts";
import type { Kind } from "../framework/resource-fields.ts";
import { BytesOut, isFiltered } from "../terminal/outputs.ts";
import { followRanks } from "./rank-logs.ts";
import { foundText } from "./found-text.ts";

export const EVENT_COLUMNS: Column[] = ["at", "actor", "kind", "old", "new", "reason"];
const INSTANCE_COLUMNS: Column[] = [
  "id",
  "rank",
  "state",
  ["host", (row) => row.host_name ?? row.host_id],
  {
    ifRoom: [
      "gpus",
      (row) =>
        Gpus.parse(row.gpus ?? [])
          .map(({ uuid }) => uuid)
          .join(", "),
    ],
  },
  { ifRoom: "run_id" },
  ["ended", endText],
  { ifRoom: ["charged", (row) => latestRun(row)?.charged] },
  { wide: ["found", foundText] },
  "detail",
];

const Gpus = z.array(z.looseObject({ uuid: z.string() }));
const Runs = z.array(
  z.looseObject({
    charged: z.string().nullish(),
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
const Rows = z.array(z.looseObject({})).default([]);
const Share = z.looseObject({ sentence: z.string() }).nullish();
const Why = z.looseObject({
  share: Share,
  hosts: Rows,
  image_fetches: Rows,
  gpu_faults: Rows,
  suggestions: Rows,
});

const URGENT = "have it tried before all others whenever it waits (admins)";
const URGENCY: Partial<Record<Kind, string>> = {
  service:
    "have its replicas tried before all others whenever one waits, those of later scaling too (admins)",
};

/** @param route "/environments" and the like */
export function inspectionCommands(kind: Kind, route: string): Command[] {
  const path = (id: string, what: string) => `${route}/${segment(id)}/${what}`;
  return [
    command({
      name: "logs",
      summary: "what its container wrote; also after it has ended",
      takes: {
        workload: resourceField(kind, kind),
        follow: flag("-f, --follow", "go on until the run ends, or Ctrl-C"),
        tail: option("--tail <lines>", "begin with so many of the last lines", wholeNumber()),
        rank: option("--rank <number>", "which instance of a job or service", wholeNumber()),
        isOfAll: flag("--all-ranks", "of a job or service: all instances at once, each line led by its rank"),
        run: option("--run <id>", "another run than the latest (see instances -o wide)", words()),
        service: option(
          "--service <name>",
          "of this service of an environment: jupyter, tensorboard or rdp",
          words(),
        ),
      },
      run: async (context, { workload, ...options }) =>
        await printLogs(context, `${route}/${segment(workload)}`, options),
    }),
    listCommand({
      name: "events",
      summary: "what happened to it, newest first",
      takes: { workload: resourceField(kind, kind) },
      route: ({ workload }) => path(workload, "events"),
      columns: EVENT_COLUMNS,
    }),
    listCommand({
      name: "instances",
      summary: "where it runs, and how its runs ended",
      takes: { workload: resourceField(kind, kind) },
      route: ({ workload }) => path(workload, "instances"),
      columns: INSTANCE_COLUMNS,
    }),
    command({
      name: "why",
      summary: "why it waits, host by host, and what would start it now; else what it does",
      takes: { workload: resourceField(kind, kind) },
      isWatchable: true,
      run: async ({ api, output }, { workload }) => {
        const answer = await api.get(path(workload, "why"));
        if (output.format === "json") return printOne(output, answer);
        const {
          hosts,
          image_fetches: fetches,
          gpu_faults: faults,
          suggestions,
          share,
          ...why
        } = Why.parse(answer);
        printOne(output, { ...why, ...(share != null && { share: share.sentence }) });
        if (faults.length > 0)
          printList(output, faults, ["at", "rank", ["error of its program", (row) => row.reason]]);
        // Only what waits for a place is a matter of hosts.
        if (why.status !== "queued") return;
        printList(output, hosts, [["host", (row) => row.host_id ?? row.id], "reason"], "No host to ask.");
        const ofFetches: Column[] = [
          ["image fetched by", (row) => row.host_id],
          "since",
          ["how it ended", (row) => row.reason],
        ];
        if (fetches.length > 0) printList(output, fetches, ofFetches);
        const ofSuggestions: Column[] = [["what would start it", (row) => row.sentence], "field", "value"];
        printList(output, suggestions, ofSuggestions, "No single change would start it now.");
      },
    }),
    command({
      name: "urgent",
      summary: URGENCY[kind] ?? URGENT,
      takes: {
        workload: resourceField(kind, kind),
        isOver: flag("--off", "have it wait like all others again"),
      },
      run: async ({ api, output }, { workload, isOver }) => {
        const route = path(workload, "urgent");
        const row = isOver ? await api.delete(route) : await api.put(route, {});
        const isOfService = kind === "service";
        const lasting = isOfService ? `, and so is each later replica of it, until --off` : "";
        const text = isOver ? `${workload} waits like all others.` : `${workload} is tried first${lasting}.`;
        printDone(output, text, row);
      },
    }),
  ];
}

type LogOptions = {
  follow: boolean;
  tail?: number | undefined;
  rank?: number | undefined;
  isOfAll: boolean;
  run?: string | undefined;
  service?: string | undefined;
};

/** As JSON it is one object at the end, so it cannot be followed; as text the bytes as they were written. */
async function printLogs({ api, output }: Context, path: string, options: LogOptions): Promise<void> {
  const { follow, tail, rank, isOfAll, run, service } = options;
  if (isOfAll && (rank !== undefined || run !== undefined))
    throw new CliError("usage", "--all-ranks is of the latest runs: leave out --rank and --run.");
  const isJson = output.format === "json";
  const query = {
    follow: follow && !isJson ? "true" : undefined,
    tail: tail?.toString(),
    rank: rank?.toString(),
    run,
    service,
  };
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt);
  const collected: Buffer[] = [];
  const how = { isRaw: output.isRaw === true };
  const out = new BytesOut("stdout", how);
  const write = async (bytes: Buffer) => {
    if (isJson) collected.push(bytes);
    else await out.write(bytes);
  };
  try {
    const { signal } = interrupted;
    const isStored = isJson || !isFiltered("stdout", how);
    if (isOfAll) await followRanks(api, { path, query, signal, write, isFiltered: !isStored });
    else await api.stream(`${path}/logs`, query, { write, signal });
  } finally {
    process.off("SIGINT", interrupt);
    out.end();
  }
  if (isJson) output.write(`${JSON.stringify({ log: Buffer.concat(collected).toString("utf8") })}\n`);
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
