/** `remotegpu job …` and `remotegpu service …`: training jobs and inference services, to look at; jobs that wait. */
import { asSentence } from "@remotegpu/shared/sentence";
import { words } from "../frame/arguments.ts";
import { command, option, thing, type Group } from "../frame/command.ts";
import { listCommand, segment, showCommand } from "../frame/list-command.ts";
import { printDone, sizeText, type Column } from "../frame/output.ts";
import type { Kind } from "../frame/things.ts";
import { looksAt } from "./workload-looks.ts";

/** Whose it is says something where several people's are listed, as administrators see them. */
export const OWNER: Column = { whenSeveral: ["owner", (row) => row.owner_username ?? row.customer_id] };
const SIZES: Column[] = [{ wide: "cpu" }, { wide: ["memory", (row) => sizeText(row.memory)] }, "gpu"];
const SAYS: Column = ["waits for / says", (row) => row.status_reason];

const JOB_SAYS: Column = [
  "waits for / says",
  (row) =>
    row.awaits_confirmation === true
      ? `${String(row.status_reason ?? row.status)}; confirm it (remotegpu job confirm ${String(row.id)}) or cancel it`
      : row.status_reason,
];

const ANSWERS = [
  ["confirm", "have a job run that waits since the old system"],
  ["cancel", "cancel a job that waits"],
].map(([verb = "", summary = ""]) =>
  command({
    name: verb,
    summary,
    takes: { job: thing("job", "job") },
    run: async ({ api, output }, { job }) => {
      const row = await api.post(`/training-jobs/${segment(job)}/${verb}`);
      printDone(
        output,
        asSentence(`Training job ${job} is ${String(row.status)}: ${String(row.status_reason)}`),
        row,
      );
    },
  }),
);

export const JOB: Group = {
  name: "job",
  summary: "training jobs",
  members: [
    ...looks("job", "/training-jobs", [
      "id",
      "name",
      "status",
      OWNER,
      { wide: "image" },
      { wide: "command" },
      ...SIZES,
      { ifRoom: ["nodes", (row) => row.node_count] },
      JOB_SAYS,
    ]),
    ...ANSWERS,
  ],
};

export const SERVICE: Group = {
  name: "service",
  summary: "inference services",
  members: looks("service", "/inference-services", [
    "id",
    "name",
    "status",
    OWNER,
    { wide: "image" },
    { wide: "version" },
    "replicas",
    ...SIZES,
    SAYS,
  ]),
};

function looks(kind: Kind, route: string, columns: Column[]): Group["members"] {
  return [
    listCommand({
      summary: `every ${kind} you may see`,
      takes: ofWorkloads(),
      route: () => route,
      query: ({ status, workspace }) => ({ status, workspace_id: workspace }),
      columns,
    }),
    ...looksAt(kind, route),
    showCommand({
      summary: `one ${kind}, whole`,
      takes: { workload: thing(kind, kind) },
      route: ({ workload }) => `${route}/${segment(workload)}`,
      show: ({ instances: _instances, ...shown }) => shown,
    }),
  ];
}

/** What lists of workloads are narrowed by. */
export function ofWorkloads() {
  return {
    status: option("--status <status>", "only those in this state", words()),
    workspace: option("--workspace <workspace>", "only those of this workspace", words(), {
      of: "workspace",
    }),
  };
}
