/** What a customer asks about itself: its workspaces with their members, its storage, its quota. */
import { type ApiRequest, given } from "../../client/api-request.ts";
import {
  changeWorkspace,
  createWorkspace,
  deleteWorkspace,
  getCustomerQuota,
  getMyQuota,
  getWorkspace,
  getWorkspaceQuota,
  listBillingEvents,
  listBillingStorage,
  listWorkspaces,
  setCustomerQuota,
  setWorkspaceQuota,
  setWorkspaceShareWeight,
} from "../../client/generated/api.ts";
import type { NewWorkspace, Quota, QuotaWish, StorageDay } from "../../client/generated/api.schemas.ts";
import { z } from "zod";
import { apiWord, bytes, wholeNumber, words } from "../framework/arguments.ts";
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
import { MEMBER } from "./member-commands.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { printDone, printList, printOne, type Column } from "../framework/output.ts";
import { createCommand, resource, updateCommand } from "../framework/resource.ts";
import { EVENT_COLUMNS } from "../work/workload-inspection.ts";

const STORAGE_COLUMNS: Column<StorageDay>[] = [
  "workspace_id",
  "day",
  "samples",
  "average_gb",
  "billable_gb",
  "unit_price",
  "amount",
  "state",
];

const WORKSPACE = resource({
  kind: "workspace",
  summary: "workspaces: who shares what, and who pays",
  list: () => listWorkspaces(),
  get: getWorkspace,
  delete: deleteWorkspace,
  columns: ["id", "name", "type", "owner_id", "member_count", "status"],
  create: createCommand(
    "workspace",
    {
      name: argument("name", words()),
      description: option("--description <text>", "what it is for", words()),
      type: option("--type <type>", "team or enterprise", apiWord<NonNullable<NewWorkspace["type"]>>()),
    },
    (order) => createWorkspace(given(order)),
  ),
  update: updateCommand(
    "workspace",
    {
      id: resourceField("workspace", "workspace"),
      name: option("--name <name>", "another name", words()),
      description: option("--description <text>", "what it is for", words()),
    },
    ({ id, ...change }) => changeWorkspace(id, given(change)),
  ),
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
        const row = await api.send(setWorkspaceShareWeight(workspace, { share_weight: weight }));
        printDone(output, `Workspace ${workspace} has the share weight ${row.share_weight}.`, row);
      },
    }),
  ],
});

const ofOwner = () => ({
  customer: option("--customer <customer>", "a customer's (admins)", words(), { of: "customer" }),
  workspace: option("--workspace <workspace>", "a workspace's (admins)", words(), { of: "workspace" }),
});

type Owner = { customer?: string | undefined; workspace?: string | undefined };

/** The requests that read and set one owner's quota. */
interface QuotaRequests {
  get: () => ApiRequest<Quota>;
  set: (quota: QuotaWish) => ApiRequest<Quota>;
}

function quotaOf({ customer, workspace }: Owner): QuotaRequests {
  if (customer !== undefined && workspace === undefined)
    return { get: () => getCustomerQuota(customer), set: (quota) => setCustomerQuota(customer, quota) };
  if (workspace !== undefined && customer === undefined)
    return { get: () => getWorkspaceQuota(workspace), set: (quota) => setWorkspaceQuota(workspace, quota) };
  throw new CliError("usage", "Name one of --customer and --workspace.");
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
        printOne(output, await api.send(isOwn ? getMyQuota() : quotaOf(owner).get()));
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
        const quota = quotaOf({ customer, workspace });
        const memory_quota = memory === undefined ? undefined : Math.floor(memory / 2 ** 20);
        const changes = given({ ...members, memory_quota });
        if (Object.keys(changes).length === 0)
          throw new CliError("usage", "Name what changes: --gpu, --cpu …");
        const before = Numbers.parse(await api.send(quota.get()));
        printOne(output, await api.send(quota.set({ ...before, ...changes })));
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
    const query = given({ workspace_id: workspace, limit: days });
    const { open, items } = await api.send(listBillingStorage(query));
    printList(output, [...open, ...items], STORAGE_COLUMNS, "Nothing has been sampled yet.");
  },
});

const ACCOUNT_EVENTS = listCommand({
  name: "account-event",
  aliases: ["account-events"],
  summary: "what happened to the account: its states, and warnings that its data is at risk; newest first",
  takes: limit(50),
  request: () => listBillingEvents(),
  columns: EVENT_COLUMNS,
  limit: 50,
});

export const ACCOUNT: readonly (Command | Group)[] = [WORKSPACE, QUOTA, STORAGE, ACCOUNT_EVENTS];
