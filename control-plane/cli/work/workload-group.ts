/**
 * The commands that every kind of workload has, made from what the kind says of itself: list, show, its verbs, delete,
 * exec, and what else people ask of it. How one is ordered and changed is the kind's own.
 */
import { given, type ApiRequest, type Page } from "../../client/api-request.ts";
import { apiWord, words } from "../framework/arguments.ts";
import { command, option, resourceField, type Command, type Group } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { listCommand } from "../framework/list-command.ts";
import { printDone, printOne, sizeText, type Column, type Output } from "../framework/output.ts";
import type { Kind } from "../framework/resource-fields.ts";
import { execIn, type ExecRequest } from "./exec-command.ts";
import { waiting } from "./wait.ts";
import { inspectionCommands, type InspectionRequests } from "./workload-inspection.ts";

/** The requests that every kind has, each by its own name. */
interface WorkloadRequests<One, Status extends string> extends InspectionRequests {
  list: (query: ListQuery<Status>) => ApiRequest<Page<One>>;
  get: (id: string) => ApiRequest<One>;
  delete: (id: string) => ApiRequest<unknown>;
  exec: ExecRequest;
}

interface ListQuery<Status extends string> {
  status?: Status;
  workspace_id?: string;
  group_id?: string;
}

/** What is read of every workload, whatever its kind. */
type Workload = { id: string; name: string; memory: number | null; cpu: number | null } & Owned;
type Owned = { owner_username: string | null; customer_id: number };

export interface WorkloadNames<One extends Workload, Status extends string> {
  /** The name of its group of commands: `env`. */
  name: string;
  aliases?: readonly string[];
  summary: string;
  kind: Kind;
  requests: WorkloadRequests<One, Status>;
  /** Several containers at once, which are told apart by their ranks. */
  hasRanks: boolean;
  /** Several may have been ordered as one array. */
  hasArrays?: true;
  list: { summary: string; columns: readonly Column<One>[]; empty?: string; examples?: readonly string[] };
  show: { summary: string; /** To people. */ print: (output: Output, row: One) => void };
  create?: Command;
  verbs: readonly Verb<One>[];
  /** What is said of one after an order. */
  sentence: (row: One) => string;
  /** Waits until what was ordered has come about. */
  settled?: (context: Context, id: string, seconds: number) => Promise<One>;
  update?: Command;
  /** What is said of one that goes; none, where the API deletes none. */
  deletion?: (id: string) => string;
  /** Behind all others. */
  more?: readonly (Command | Group)[];
}

/** An order to one that is there. */
interface Verb<One> {
  name: string;
  summary: string;
  request: (id: string) => ApiRequest<One>;
}

/** Whose it is says something where several people's are listed, as administrators see them. */
export const OWNER: Column<Owned> = {
  whenSeveral: ["owner", (row) => row.owner_username ?? row.customer_id],
};
export const CPU_AND_MEMORY: Column<{ cpu: number | null; memory: number | null }>[] = [
  { wide: "cpu" },
  { wide: ["memory", (row) => sizeText(row.memory)] },
];

export function workloadGroup<One extends Workload, Status extends string>(
  definition: WorkloadNames<One, Status>,
): Group {
  const { name, aliases = [], summary, kind, requests, create, update, verbs, more = [] } = definition;
  return {
    name,
    aliases,
    summary,
    members: [
      ...(create === undefined ? [] : [create]),
      listOf(definition),
      showOf(definition),
      ...verbs.map((verb) => verbOf(definition, verb)),
      ...(update === undefined ? [] : [update]),
      ...deletionOf(definition),
      execIn({ ...definition, exec: requests.exec }),
      ...inspectionCommands(kind, requests),
      ...more,
    ],
  };
}

function listOf<One extends Workload, Status extends string>({
  requests,
  list,
  hasArrays,
}: WorkloadNames<One, Status>): Command {
  return listCommand({
    ...list,
    takes: {
      status: option("--status <status>", "only those in this state", apiWord<Status>()),
      workspace: option("--workspace <workspace>", "only those of this workspace", words(), {
        of: "workspace",
      }),
      ...(hasArrays && {
        array: option("--array <array>", "only elements of this array", words(), { of: "job-array" }),
      }),
    },
    request: ({ status, workspace, array }) =>
      requests.list({
        ...(status !== undefined && { status }),
        ...given({ workspace_id: workspace, group_id: array?.toString() }),
      }),
  });
}

function showOf<One extends Workload, Status extends string>({
  kind,
  requests,
  show: { summary, print },
  more = [],
}: WorkloadNames<One, Status>): Command {
  const isTaken = more.some(({ name }) => name === "get");
  return command({
    name: "show",
    // One that is a command of the kind's own shows it where it is told nothing more.
    aliases: isTaken ? [] : ["get"],
    summary,
    takes: { workload: resourceField(kind, kind) },
    isWatchable: true,
    run: async (context, { workload }) => await showOne(context, requests.get(workload), print),
  });
}

export async function showOne<One extends object>(
  { api, output }: Context,
  request: ApiRequest<One>,
  print: (output: Output, row: One) => void,
): Promise<void> {
  const row = await api.send(request);
  if (output.format === "json") printOne(output, row);
  else print(output, row);
}

function verbOf<One extends Workload, Status extends string>(
  { kind, sentence, settled }: WorkloadNames<One, Status>,
  { name, summary, request }: Verb<One>,
): Command {
  const takes = { workload: resourceField(kind, kind) };
  if (settled === undefined)
    return command({
      name,
      summary,
      takes,
      run: async (context, { workload }) => {
        const row = await context.api.send(request(workload));
        printDone(context.output, sentence(row), row);
      },
    });
  return command({
    name,
    summary,
    takes: { ...takes, ...waiting() },
    run: async (context, { workload, wait, timeout }) => {
      const row = await context.api.send(request(workload));
      const visible = wait ? await settled(context, workload, timeout) : row;
      printDone(context.output, sentence(visible), visible);
    },
  });
}

function deletionOf<One extends Workload, Status extends string>({
  kind,
  requests,
  deletion,
}: WorkloadNames<One, Status>): Command[] {
  if (deletion === undefined) return [];
  return [
    command({
      name: "delete",
      summary: "delete it, in whatever state it is",
      takes: { workload: resourceField(kind, kind) },
      run: async ({ api, output }, { workload: id }) => {
        await api.send(requests.delete(id));
        printDone(output, deletion(id), { id });
      },
    }),
  ];
}
