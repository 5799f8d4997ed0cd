/** `remotegpu job …` and `remotegpu service …`: training jobs and inference services, to look at; jobs that wait. */
import type { Command } from "commander";
import { asSentence } from "@remotegpu/shared/sentence";
import { withContext } from "./context.ts";
import { sizeText, printDone, printList, printOne, type Column } from "./output.ts";
import { addStoryCommands } from "./story-commands.ts";
import { addWhyCommand } from "./why-command.ts";

const SIZES: Column[] = ["cpu", ["memory", (row) => sizeText(row.memory)], "gpu"];
const SAYS: Column = ["waits for / says", (row) => row.status_reason];

const JOB_SAYS: Column = [
  "waits for / says",
  (row) =>
    row.awaits_confirmation === true
      ? `${String(row.status_reason ?? row.status)}; confirm it (remotegpu job confirm ${String(row.id)}) or cancel it`
      : row.status_reason,
];

export function addJobCommands(program: Command): void {
  const job = program.command("job").description("training jobs");
  addLooks(job, {
    noun: "training job",
    route: "/training-jobs",
    columns: [
      "id",
      "name",
      "status",
      "image",
      "command",
      ...SIZES,
      ["nodes", (row) => row.node_count],
      JOB_SAYS,
    ],
  });

  for (const [verb, description] of [
    ["confirm", "have a job run that waits since the old system"],
    ["cancel", "cancel a job that waits"],
  ] as const)
    job
      .command(`${verb} <id>`)
      .description(description)
      .action(
        withContext(async ({ api, output }, id: string) => {
          const row = await api.post(`/training-jobs/${encodeURIComponent(id)}/${verb}`);
          const said = `Training job ${id} is ${String(row.status)}: ${String(row.status_reason)}`;
          printDone(output, asSentence(said), row);
        }),
      );
}

export function addServiceCommands(program: Command): void {
  addLooks(program.command("service").description("inference services"), {
    noun: "inference service",
    route: "/inference-services",
    columns: ["id", "name", "status", "image", "version", "replicas", ...SIZES, SAYS],
  });
}

function addLooks(
  group: Command,
  { noun, route, columns }: { noun: string; route: string; columns: Column[] },
): void {
  group
    .command("list")
    .description(`every ${noun} you may see`)
    .option("--status <status>")
    .option("--workspace <id>")
    .action(
      withContext(async ({ api, output }, options: { status?: string; workspace?: string }) => {
        const rows = await api.list(route, { status: options.status, workspace_id: options.workspace });
        printList(output, rows, columns);
      }),
    );

  addStoryCommands(group, route);
  addWhyCommand(group, route);

  group
    .command("show <id>")
    .description(`one ${noun}, whole`)
    .action(
      withContext(async ({ api, output }, id: string) => {
        const row = await api.get(`${route}/${encodeURIComponent(id)}`);
        if (output.json) return printOne(output, row);
        const { instances: _instances, ...shown } = row;
        printOne(output, shown);
      }),
    );
}
