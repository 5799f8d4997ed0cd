/** `remotegpu port …` and `remotegpu env access`: ports of environments, and how to get in. */
import { given } from "../../../client/api-request.ts";
import {
  createPortMapping,
  deletePortMapping,
  getEnvironmentAccess,
  listPortMappings,
  renewEnvironmentAccess,
} from "../../../client/generated/api.ts";
import type {
  AccessService,
  ListPortMappingsStatus,
  PortMapping,
} from "../../../client/generated/api.schemas.ts";
import { apiWord, wholeNumber, words } from "../../framework/arguments.ts";
import { argument, command, flag, option, resourceField, type Group } from "../../framework/command.ts";
import { anEnvironment } from "./environment-state.ts";
import { listCommand } from "../../framework/list-command.ts";
import { printDone, printList, printOne, type Column } from "../../framework/output.ts";

const COLUMNS: Column<PortMapping>[] = [
  "id",
  ["environment", (row) => row.env_id],
  ["service", (row) => row.service_type],
  ["address", addressOf],
  ["leads to", (row) => row.internal_port],
  ["status", statusOf],
  { ifRoom: ["last access", (row) => row.last_accessed_at] },
  { ifRoom: ["released at", (row) => row.released_at ?? row.release_due_at] },
];

const ACCESS_HELP: Column<AccessService>[] = [
  "service",
  // The state of a lease is none of a service that needs no port, though it answers.
  ["answers", (row) => (row.reachable ? "yes" : "no")],
  "host",
  "port",
  ["command / address", (row) => row.command ?? row.url],
  ["why not", (row) => row.reason],
];

export const PORT: Group = {
  name: "port",
  summary: "ports of environments on their hosts",
  members: [
    listCommand({
      summary: "ports you may see",
      takes: {
        environment: option("--env <environment>", "of this environment", words(), { of: "environment" }),
        status: option("--status <status>", "active or released", apiWord<ListPortMappingsStatus>()),
      },
      request: ({ environment, status }) => listPortMappings(given({ env_id: environment, status })),
      columns: COLUMNS,
      empty: "No ports. Open one: remotegpu port open ENVIRONMENT PORT",
    }),
    command({
      name: "open",
      summary: "open a port of a running environment; its host picks the number outside",
      takes: {
        environment: resourceField("environment", "environment"),
        port: argument("port", wholeNumber()),
      },
      run: async ({ api, output }, { environment, port }) => {
        const order = { env_id: environment, service_type: "custom", internal_port: port } as const;
        const row = await api.send(createPortMapping(order));
        printDone(output, `Port ${port} of environment ${environment} is reached at ${addressOf(row)}.`, row);
      },
    }),
    command({
      name: "close",
      summary: "close a port; one of a service is taken anew with the next start",
      takes: { id: argument("id", words()) },
      run: async ({ api, output }, { id }) => {
        await api.send(deletePortMapping(id));
        printDone(output, `Port mapping ${id} is being released.`, { id });
      },
    }),
  ],
};

/** Below `env`, with what else is asked of one environment. */
export const ACCESS = command({
  name: "access",
  summary: "how to get in: addresses and commands of its services, or why not",
  takes: { ...anEnvironment(), renew: flag("--renew", "take released ports anew first") },
  run: async ({ api, output }, { environment, renew }) => {
    const answer = await api.send(
      renew ? renewEnvironmentAccess(environment) : getEnvironmentAccess(environment),
    );
    if (output.format === "json") return printOne(output, answer);
    printList(output, answer.services, ACCESS_HELP, "No service is switched on.");
  },
});

/** What the host said last, while it is not over. */
function statusOf(row: PortMapping): string {
  if (row.status !== "active") return row.status;
  return row.want === "released" ? "being released" : (row.state ?? row.status);
}

function addressOf({ host: named, external_port: port }: PortMapping): string {
  const host = named ?? "?";
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
