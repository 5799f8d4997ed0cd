/** What a customer asks about itself: its workspaces with their members, its storage, its quota. */
import { z } from "zod";
import { bytes, wholeNumber, words } from "../framework/arguments.ts";
import {
  argument,
  command,
  option,
  optionOr,
  resourceField,
  type Command,
  type Group,
} from "../framework/command.ts";
import { CliError } from "../framework/cli-error.ts";
import { body } from "../framework/context.ts";
import { MEMBER } from "./member-commands.ts";
import { limit, listCommand, segment } from "../framework/list-command.ts";
import { printDone, printList, printOne, type Column } from "../framework/output.ts";
import { resource } from "../framework/resource.ts";
import { EVENT_COLUMNS } from "../work/workload-inspection.ts";

const STORAGE_COLUMNS: Column[] = [
  "workspace_id",
  "day",
  "samples",
  "average_gb",
  "billable_gb",
  "unit_price",
  "amount",
  "state",
];
const StorageDays = z.object({ open: z.array(z.looseObject({})), items: z.array(z.looseObject({})) });

const WORKSPACE = resource({
  kind: "workspace",
  route: "/workspaces",
  summary: "workspaces: who shares what, and who pays",
  columns: ["id", "name", "type", "owner_id", "member_count", "status"],
  create: {
    description: option("--description <text>", "what it is for", words()),
    type: option("--type <type>", "team or enterprise", words()),
  },
  update: {
    name: option("--name <name>", "another name", words()),
    description: option("--description <text>", "what it is for", words()),
  },
  more: [
    MEMBER,
    command({
      name: "share-weight",
      summary: "its share beside its owner's other workspaces that wait, 1 to 1000 (admins)",
      takes: {
        workspace: resourceField("workspace", "workspace"),
        weight: argument("weight", wholeNumber()),
      },
      run: async ({ api, output }, { workspace, weight }) => {
        const row = await api.put(`/workspaces/${segment(workspace)}/share-weight`, { share_weight: weight });
        printDone(output, `Workspace ${workspace} has the share weight ${String(row.share_weight)}.`, row);
      },
    }),
  ],
});

const ofOwner = () => ({
  customer: option("--customer <customer>", "a customer's (admins)", words(), { of: "customer" }),
  workspace: option("--workspace <workspace>", "a workspace's (admins)", words(), { of: "workspace" }),
});

type Owner = { customer?: string | undefined; workspace?: string | undefined };

function quotaOf({ customer, workspace }: Owner): string {
  if ((customer === undefined) === (workspace === undefined))
    throw new CliError("usage", "Name one of --customer and --workspace.");
  return customer === undefined
    ? `/workspaces/${segment(workspace ?? "")}/quota`
    : `/customers/${segment(customer)}/quota`;
}

/** The five numbers, which the API takes together. */
const Numbers = z.object({
  cpu_quota: z.number(),
  memory_quota: z.number(),
  gpu_quota: z.number(),
  storage_quota: z.number(),
  environment_quota: z.number(),
});

const QUOTA: Group = {
  name: "quota",
  summary: "what a customer or workspace may hold at once",
  members: [
    command({
      name: "show",
      summary: "the quota that holds; your own, unless another is named",
      takes: ofOwner(),
      isWatchable: true,
      run: async ({ api, output }, owner) => {
        const isOwn = owner.customer === undefined && owner.workspace === undefined;
        printOne(output, await api.get(isOwn ? "/me/quota" : quotaOf(owner)));
      },
    }),
    command({
      name: "set",
      summary: "change what is given of a quota (admins); 0 allows nothing",
      takes: {
        ...ofOwner(),
        cpu_quota: option("--cpu <cores>", "CPU cores", wholeNumber()),
        memory: option("--memory <size>", "memory", bytes()),
        gpu_quota: option("--gpu <count>", "GPUs", wholeNumber()),
        storage_quota: option("--storage <size>", "storage", bytes()),
        environment_quota: option("--environments <count>", "environments", wholeNumber()),
      },
      examples: ["quota set --customer ada --gpu 8"],
      run: async ({ api, output }, { customer, workspace, memory, ...members }) => {
        const path = quotaOf({ customer, workspace });
        const memory_quota = memory === undefined ? undefined : Math.floor(memory / 2 ** 20);
        const changes = body({ ...members, memory_quota });
        if (Object.keys(changes).length === 0)
          throw new CliError("usage", "Name what changes: --gpu, --cpu …");
        const before = Numbers.parse(await api.get(path));
        printOne(output, await api.put(path, { ...before, ...changes }));
      },
    }),
  ],
};

const STORAGE: Command = command({
  name: "storage",
  summary: "storage of your workspaces, day by day, and what it was charged (GB are 2^30 bytes)",
  takes: {
    workspace: option("--workspace <workspace>", "of one workspace", words(), { of: "workspace" }),
    limit: optionOr("--limit <count>", "how many days that are over, up to 200", wholeNumber(), "14"),
  },
  isWatchable: true,
  run: async ({ api, output }, { workspace, limit: days }) => {
    const query = { workspace_id: workspace, limit: String(days) };
    const { open, items } = StorageDays.parse(await api.get("/billing/storage", query));
    printList(output, [...open, ...items], STORAGE_COLUMNS, "Nothing has been sampled yet.");
  },
});

const ACCOUNT_EVENTS = listCommand({
  name: "account-event",
  aliases: ["account-events"],
  summary: "what happened to the account: its states, and warnings that its data is at risk; newest first",
  takes: limit(50),
  route: () => "/billing/events",
  columns: EVENT_COLUMNS,
  limit: 50,
});

export const ACCOUNT: readonly (Command | Group)[] = [WORKSPACE, QUOTA, STORAGE, ACCOUNT_EVENTS];
