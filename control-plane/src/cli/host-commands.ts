/** What the fleet's owner does with hosts and their cards. */
import type { Command } from "commander";
import type { Row } from "./api-client.ts";
import { jsonObject, wholeNumber } from "./arguments.ts";
import { body, withContext } from "./context.ts";
import { sizeText, printDone, printList, printOne, type Column } from "./output.ts";
import { EVENT_COLUMNS } from "./story-commands.ts";

const HOST_COLUMNS: Column[] = [
  "id",
  "name",
  "status",
  "connection",
  ["health", (row) => row.health_status],
  ["cordoned", (row) => (row.cordoned === true ? "yes" : "no")],
  ["cpu", (row) => `${String(row.used_cpu)}/${String(row.total_cpu)}`],
  ["memory", (row) => sizeText(row.total_memory)],
  [
    "gpu",
    (row) =>
      `${String(row.used_gpu)}/${String(row.total_gpu)}${row.simulated === true ? " (simulated)" : ""}`,
  ],
  "agent_version",
  ["says", (row) => row.status_reason],
];
const GPU_COLUMNS: Column[] = [
  ["index", (row) => row.gpu_index],
  "uuid",
  "name",
  "status",
  ["health", (row) => row.health_status],
  ["simulated", (row) => (row.simulated === true ? "yes" : "no")],
  ["use", (row) => (row.utilization_percent === null ? null : `${Number(row.utilization_percent)} %`)],
  ["island", (row) => row.nvlink_island],
  ["allocated to", (row) => row.allocated_to],
  ["strangers", (row) => strangersText(row.strangers)],
  ["why", (row) => reasonsText(row)],
];

const PULL_COLUMNS: Column[] = [
  "image",
  "state",
  ["layers", (row) => doneOf(row.layers_done, row.layers, String)],
  ["bytes", (row) => doneOf(row.bytes_done, row.bytes, (bytes) => sizeText(bytes))],
  ["fetch", (row) => row.fetch_id],
  "problem",
  ["runtime says", (row) => row.operator_detail],
  "told_at",
];

/** `3 of 8`; nothing before both numbers are known. */
function doneOf(done: unknown, all: unknown, text: (value: unknown) => string | null): string | null {
  return done === null || all === null ? null : `${text(done)} of ${text(all)}`;
}

/** `Xorg (812)`; a process that has no name is its number. */
function strangersText(strangers: unknown): string | null {
  const texts = (Array.isArray(strangers) ? strangers : []).map(
    (stranger: { pid: number; name: string | null }) =>
      stranger.name === null ? String(stranger.pid) : `${stranger.name} (${stranger.pid})`,
  );
  return texts.length === 0 ? null : texts.join(", ");
}

/** An administrator's own word first, then what the host says. */
function reasonsText(row: Row): string | null {
  const word = typeof row.cordon_reason === "string" ? `Cordoned: ${row.cordon_reason}` : "Cordoned.";
  const own = row.cordoned_by === "admin" ? [word] : [];
  const hosts = Array.isArray(row.health_reasons) ? row.health_reasons.map(String) : [];
  return [...own, ...hosts].join(" ") || null;
}

export function addHostCommands(program: Command): void {
  program
    .command("join-token")
    .description("a one-use token with which a host joins within 15 minutes")
    .option("--host-name <name>")
    .action(
      withContext(async ({ api, output }, options: object) => {
        const row = await api.post("/join-tokens", body(options));
        const command =
          typeof row.command === "string"
            ? row.command
            : "(This server hands out no agent to install; one begun with `remotegpu-control-plane run` does.)";
        printDone(output, `${String(row.token)}\n\n${command}`, row);
      }),
    );

  const host = program.command("host").description("the fleet's hosts");
  host
    .command("list")
    .description("every host")
    .action(
      withContext(async ({ api, output }) =>
        printList(
          output,
          await api.list("/hosts"),
          HOST_COLUMNS,
          "No host yet. Make a token: remotegpu join-token",
        ),
      ),
    );
  host
    .command("show <id>")
    .description("one host, whole")
    .action(
      withContext(async ({ api, output }, id: string) => printOne(output, await api.get(`/hosts/${id}`))),
    );
  host
    .command("gpus <id>")
    .description("its GPUs, and who has them")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(output, await api.list(`/hosts/${id}/gpus`), GPU_COLUMNS),
      ),
    );
  host
    .command("pulls <id>")
    .description("the images that it pulls, how far it is, and why one does not come")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(
          output,
          await api.list(`/hosts/${encodeURIComponent(id)}/pulls`),
          PULL_COLUMNS,
          "It pulls nothing now.",
        ),
      ),
    );
  host
    .command("events <id>")
    .description("what happened on it, newest first")
    .option("--limit <count>", "at most so many", wholeNumber, 50)
    .action(
      withContext(async ({ api, output }, id: string, { limit }: { limit: number }) =>
        printList(output, await api.list(`/hosts/${encodeURIComponent(id)}/events`, {}, limit), [
          ...EVENT_COLUMNS,
          ["gpu", (row) => row.gpu_uuid],
        ]),
      ),
    );
  host
    .command("update <id>")
    .description("change its name, address or labels")
    .option("--name <name>")
    .option("--public-ip <address>")
    .option("--labels <json>", "a JSON object", jsonObject)
    .action(
      withContext(async ({ api, output }, id: string, options: object) =>
        printOne(output, await api.patch(`/hosts/${id}`, body(options))),
      ),
    );
  for (const [verb, description] of [
    ["cordon", "place nothing new on it"],
    ["uncordon", "place on it again"],
    ["drain", "cordon it and stop what runs there"],
    ["revoke", "close its connection and refuse it from now on"],
  ] as const)
    host
      .command(`${verb} <id>`)
      .description(description)
      .action(
        withContext(async ({ api, output }, id: string) =>
          printDone(output, `Host ${id}: ${verb} done.`, await api.post(`/hosts/${id}/${verb}`)),
        ),
      );
  host
    .command("confirm-stops <id> <generation>")
    .description("yes, these many stops are meant")
    .action(
      withContext(async ({ api, output }, id: string, generation: string) => {
        const row = await api.post(`/hosts/${id}/confirm-stops`, { generation: wholeNumber(generation) });
        printDone(output, `Stops of generation ${generation} on host ${id} are confirmed.`, row);
      }),
    );
  host
    .command("delete <id>")
    .description("take a host out of the fleet")
    .option("--lost", "the machine is gone: its runs end at their last proven moment")
    .action(
      withContext(async ({ api, output }, id: string, options: { lost?: boolean }) => {
        await api.delete(`/hosts/${id}`, { lost: options.lost ? "true" : undefined });
        printDone(output, `Host ${id} is gone.`);
      }),
    );

  const gpu = program.command("gpu").description("one GPU");
  for (const [verb, description] of [
    ["cordon", "place nothing new on it"],
    ["uncordon", "place on it again"],
  ] as const)
    gpu
      .command(`${verb} <uuid>`)
      .description(description)
      .action(
        withContext(async ({ api, output }, uuid: string) =>
          printDone(output, `GPU ${uuid}: ${verb} done.`, await api.post(`/gpus/${uuid}/${verb}`)),
        ),
      );
}
