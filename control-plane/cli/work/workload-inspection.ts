/** What people ask of a workload, whatever its kind: what it wrote, what happened to it, where it runs and why not. */
import { given, type ApiRequest, type Page } from "../../client/api-request.ts";
import type { Event, Instance, InstanceRun, Urgency, Why } from "../../client/generated/api.schemas.ts";
import { apiWord, wholeNumber, words } from "../framework/arguments.ts";
import { CliError } from "../framework/cli-error.ts";
import { command, flag, option, resourceField, type Command } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { listCommand } from "../framework/list-command.ts";
import { printDone, printList, printOne, type Column } from "../framework/output.ts";
import type { Kind } from "../framework/resource-fields.ts";
import { BytesOut, isFiltered } from "../terminal/outputs.ts";
import { followRanks } from "./rank-logs.ts";
import type { LogQuery } from "./run-output.ts";
import { foundText } from "./found-text.ts";

export const EVENT_COLUMNS: Column<Event>[] = ["at", "actor", "kind", "old", "new", "reason"];
const INSTANCE_COLUMNS: Column<Instance>[] = [
  "id",
  "rank",
  "state",
  ["host", (row) => row.host_name ?? row.host_id],
  {
    ifRoom: ["gpus", (row) => (row.gpus ?? []).map(({ uuid }) => uuid).join(", ")],
  },
  { ifRoom: "run_id" },
  ["ended", endText],
  { ifRoom: ["charged", (row) => latestRun(row)?.charged] },
  { wide: ["found", foundText] },
  "detail",
];

/** The requests by which one is inspected, each kind's own. */
export interface InspectionRequests {
  logs: (id: string, query: LogQuery) => ApiRequest<string>;
  events: (id: string) => ApiRequest<Page<Event>>;
  instances: (id: string) => ApiRequest<Page<Instance>>;
  why: (id: string) => ApiRequest<Why>;
  makeUrgent: (id: string) => ApiRequest<Urgency>;
  endUrgency: (id: string) => ApiRequest<Urgency>;
}

const URGENT = "have it tried before all others whenever it waits (admins)";
const URGENCY: Partial<Record<Kind, string>> = {
  service:
    "have its replicas tried before all others whenever one waits, those of later scaling too (admins)",
};

export function inspectionCommands(kind: Kind, requests: InspectionRequests): Command[] {
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
          apiWord<NonNullable<LogQuery["service"]>>(),
        ),
      },
      run: async (context, { workload, ...options }) =>
        await printLogs(context, { id: workload, requests, options }),
    }),
    listCommand({
      name: "events",
      summary: "what happened to it, newest first",
      takes: { workload: resourceField(kind, kind) },
      request: ({ workload }) => requests.events(workload),
      columns: EVENT_COLUMNS,
    }),
    listCommand({
      name: "instances",
      summary: "where it runs, and how its runs ended",
      takes: { workload: resourceField(kind, kind) },
      request: ({ workload }) => requests.instances(workload),
      columns: INSTANCE_COLUMNS,
    }),
    command({
      name: "why",
      summary: "why it waits, host by host, and what would start it now; else what it does",
      takes: { workload: resourceField(kind, kind) },
      isWatchable: true,
      run: async ({ api, output }, { workload }) => {
        const answer = await api.send(requests.why(workload));
        if (output.format === "json") return printOne(output, answer);
        const { hosts, image_fetches: fetches, gpu_faults: faults, suggestions, share, ...why } = answer;
        printOne(output, { ...why, ...(share != null && { share: share.sentence }) });
        if (faults.length > 0)
          printList(output, faults, ["at", "rank", ["error of its program", (row) => row.reason]]);
        // Only what waits for a place is a matter of hosts.
        if (why.status !== "queued") return;
        printList(output, hosts, [["host", (row) => row.host_id], "reason"], "No host to ask.");
        const ofFetches: Column<Why["image_fetches"][number]>[] = [
          ["image fetched by", (row) => row.host_id],
          "since",
          ["how it ended", (row) => row.reason],
        ];
        if (fetches.length > 0) printList(output, fetches, ofFetches);
        const ofSuggestions: Column<Why["suggestions"][number]>[] = [
          ["what would start it", (row) => row.sentence],
          "field",
          "value",
        ];
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
        const request = isOver ? requests.endUrgency : requests.makeUrgent;
        const row = await api.send(request(workload));
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
  service?: LogQuery["service"] | undefined;
};

/** As JSON it is one object at the end, so it cannot be followed; as text the bytes as they were written. */
async function printLogs(
  { api, output }: Context,
  { id, requests, options }: { id: string; requests: InspectionRequests; options: LogOptions },
): Promise<void> {
  const { follow, tail, rank, isOfAll, run, service } = options;
  if (isOfAll && (rank !== undefined || run !== undefined))
    throw new CliError("usage", "--all-ranks is of the latest runs: leave out --rank and --run.");
  const isJson = output.format === "json";
  const query = given({ follow: follow && !isJson ? "true" : undefined, tail, rank, run, service });
  const read = (what: LogQuery) => requests.logs(id, what);
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
    if (isOfAll)
      await followRanks(api, {
        instances: requests.instances(id),
        read,
        query,
        signal,
        write,
        isFiltered: !isStored,
      });
    else await api.stream(read(query), { write, signal });
  } finally {
    process.off("SIGINT", interrupt);
    out.end();
  }
  if (isJson) output.write(`${JSON.stringify({ log: Buffer.concat(collected).toString("utf8") })}\n`);
}

function latestRun({ runs }: Instance): InstanceRun | undefined {
  return (runs ?? [])[0];
}

function endText(row: Instance): string | undefined {
  const end = latestRun(row)?.end;
  if (end === undefined || end === null) return undefined;
  const facts = [
    ...(end.exit_code === null ? [] : [`exit code ${end.exit_code}`]),
    ...(end.signal === null ? [] : [end.signal]),
    ...(end.out_of_memory ? ["out of memory"] : []),
  ];
  return facts.length === 0 ? end.phase : `${end.phase}: ${facts.join(", ")}`;
}
