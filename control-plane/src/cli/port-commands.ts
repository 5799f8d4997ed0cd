/** `remotegpu port …` and `remotegpu env access`: ports of environments, and how to get in. */
import type { Command } from "commander";
import { z } from "zod";
import { wholeNumber } from "./arguments.ts";
import type { Row } from "./api-client.ts";
import { withContext } from "./context.ts";
import { printDone, printList, printOne, type Column } from "./output.ts";

const COLUMNS: Column[] = [
  "id",
  ["environment", (row) => row.env_id],
  ["service", (row) => row.service_type],
  ["address", addressOf],
  ["leads to", (row) => row.internal_port],
  ["status", statusOf],
  ["last access", (row) => row.last_accessed_at],
  ["released at", (row) => row.released_at ?? row.release_due_at],
];

const WAYS_IN: Column[] = [
  "service",
  "state",
  "host",
  "port",
  ["command / address", (row) => row.command ?? row.url],
  ["why not", (row) => row.reason],
];

const Services = z.array(z.looseObject({}));

export function addPortCommands(program: Command): void {
  const port = program.command("port").description("ports of environments on their hosts");

  port
    .command("list")
    .description("ports you may see")
    .option("--env <id>", "of this environment")
    .option("--status <status>", "active or released")
    .action(
      withContext(async ({ api, output }, options: { env?: string; status?: string }) => {
        const rows = await api.list("/port-mappings", { env_id: options.env, status: options.status });
        printList(output, rows, COLUMNS, "No ports. Open one: remotegpu port open ENVIRONMENT PORT");
      }),
    );

  port
    .command("open <environment> <port>")
    .description("open a port of a running environment; its host picks the number outside")
    .action(
      withContext(async ({ api, output }, environment: string, internal: string) => {
        const row = await api.post("/port-mappings", {
          env_id: environment,
          service_type: "custom",
          internal_port: wholeNumber(internal),
        });
        const sentence = `Port ${internal} of environment ${environment} is reached at ${addressOf(row)}.`;
        printDone(output, sentence, row);
      }),
    );

  port
    .command("close <id>")
    .description("close a port; one of a service is taken anew with the next start")
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.delete(`/port-mappings/${encodeURIComponent(id)}`);
        printDone(output, `Port mapping ${id} is being released.`, { id });
      }),
    );
}

/** Below `env`, with what else is asked of one environment. */
export function addAccessCommand(env: Command): void {
  env
    .command("access <id>")
    .description("how to get in: addresses and commands of its services, or why not")
    .option("--renew", "take released ports anew first")
    .action(
      withContext(async ({ api, output }, id: string, options: { renew?: boolean }) => {
        const path = `/environments/${encodeURIComponent(id)}/access`;
        const answer = options.renew ? await api.post(path) : await api.get(path);
        if (output.json) return printOne(output, answer);
        printList(output, Services.parse(answer.services), WAYS_IN, "No service is switched on.");
      }),
    );
}

/** What the host said last, while it is not over. */
function statusOf(row: Row): unknown {
  if (row.status !== "active") return row.status;
  return row.want === "released" ? "being released" : (row.state ?? row.status);
}

function addressOf(row: Row): string {
  const host = typeof row.host === "string" ? row.host : "?";
  return `${host.includes(":") ? `[${host}]` : host}:${String(row.external_port)}`;
}
