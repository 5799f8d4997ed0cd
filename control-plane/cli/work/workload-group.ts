/**
 * The commands that every kind of workload has, made from what the kind says of itself: list, show, its verbs, delete,
 * exec, and what else people ask of it. How one is ordered and changed is the kind's own.
 */
import type { Row } from "../framework/api-client.ts";
import { words } from "../framework/arguments.ts";
import { command, option, resourceField, type Command, type Group } from "../framework/command.ts";
import type { Context } from "../framework/context.ts";
import { listCommand, segment } from "../framework/list-command.ts";
import { printDone, printOne, sizeText, type Column, type Output } from "../framework/output.ts";
import type { Kind } from "../framework/resource-fields.ts";
import { execIn } from "./exec-command.ts";
import { waiting } from "./wait.ts";
import { inspectionCommands } from "./workload-inspection.ts";

export interface WorkloadNames {
  /** The name of its group of commands: `env`. */
  name: string;
  aliases?: readonly string[];
  summary: string;
  kind: Kind;
  /** "/environments" */
  route: string;
  /** Several containers at once, which are told apart by their ranks. */
  hasRanks: boolean;
  /** Several may have been ordered as one array. */
  hasArrays?: true;
  list: { summary: string; columns: Column[]; empty?: string; examples?: readonly string[] };
  show: { summary: string; /** To people. */ print: (output: Output, row: Row) => void };
  create?: Command;
  /** POST …/{id}/{name} */
  verbs: readonly { name: string; summary: string }[];
  /** What is said of one after an order. */
  sentence: (row: Row) => string;
  /** Waits until what was ordered has come about. */
  settled?: (context: Context, id: string, seconds: number) => Promise<Row>;
  update?: Command;
  /** What is said of one that goes; none, where the API deletes none. */
  deletion?: (id: string) => string;
  /** Behind all others. */
  more?: readonly (Command | Group)[];
}

/** Whose it is says something where several people's are listed, as administrators see them. */
export const OWNER: Column = { whenSeveral: ["owner", (row) => row.owner_username ?? row.customer_id] };
export const CPU_AND_MEMORY: Column[] = [
  { wide: "cpu" },
  { wide: ["memory", (row) => sizeText(row.memory)] },
];

export function workloadGroup(definition: WorkloadNames): Group {
  const { name, aliases = [], summary, kind, route, create, update, verbs, more = [] } = definition;
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
      execIn(definition),
      ...inspectionCommands(kind, route),
      ...more,
    ],
  };
}

function listOf({ route, list, hasArrays }: WorkloadNames): Command {
  return listCommand({
    ...list,
    takes: {
      status: option("--status <status>", "only those in this state", words()),
      workspace: option("--workspace <workspace>", "only those of this workspace", words(), {
        of: "workspace",
      }),
      ...(hasArrays && {
        array: option("--array <array>", "only elements of this array", words(), { of: "job-array" }),
      }),
    },
    route: () => route,
    query: ({ status, workspace, array }) => ({
      status,
      workspace_id: workspace,
      group_id: array?.toString(),
    }),
  });
}

function showOf({ kind, route, show: { summary, print }, more = [] }: WorkloadNames): Command {
  const isTaken = more.some(({ name }) => name === "get");
  return command({
    name: "show",
    // One that is a command of the kind's own shows it where it is told nothing more.
    aliases: isTaken ? [] : ["get"],
    summary,
    takes: { workload: resourceField(kind, kind) },
    isWatchable: true,
    run: async (context, { workload }) => await showOne(context, `${route}/${segment(workload)}`, print),
  });
}

export async function showOne(
  { api, output }: Context,
  path: string,
  print: WorkloadNames["show"]["print"],
): Promise<void> {
  const row = await api.get(path);
  if (output.format === "json") printOne(output, row);
  else print(output, row);
}

function verbOf(definition: WorkloadNames, { name, summary }: WorkloadNames["verbs"][number]): Command {
  const { kind, route, sentence, settled } = definition;
  const order = async ({ api }: Context, id: string) => await api.post(`${route}/${segment(id)}/${name}`);
  const takes = { workload: resourceField(kind, kind) };
  if (settled === undefined)
    return command({
      name,
      summary,
      takes,
      run: async (context, { workload }) => {
        const row = await order(context, workload);
        printDone(context.output, sentence(row), row);
      },
    });
  return command({
    name,
    summary,
    takes: { ...takes, ...waiting() },
    run: async (context, { workload, wait, timeout }) => {
      const row = await order(context, workload);
      const visible = wait ? await settled(context, workload, timeout) : row;
      printDone(context.output, sentence(visible), visible);
    },
  });
}

function deletionOf({ kind, route, deletion }: WorkloadNames): Command[] {
  if (deletion === undefined) return [];
  return [
    command({
      name: "delete",
      summary: "delete it, in whatever state it is",
      takes: { workload: resourceField(kind, kind) },
      run: async ({ api, output }, { workload: id }) => {
        await api.delete(`${route}/${segment(id)}`);
        printDone(output, deletion(id), { id });
      },
    }),
  ];
}
