/** What the fleet's owner does with hosts and their cards. */
import { given } from "../../client/api-request.ts";
import {
  changeHost,
  confirmHostAddress,
  confirmHostPool,
  confirmHostStops,
  cordonGpu,
  cordonHost,
  createJoinToken,
  deleteHost,
  getHost,
  listHostEvents,
  listHostGpus,
  listHostInstances,
  listHostPulls,
  listHosts,
  revokeHost,
  uncordonGpu,
  uncordonHost,
} from "../../client/generated/api.ts";
import type {
  Gpu,
  Host,
  HostChange,
  HostPull,
  InstanceOnHost,
  ListHostsSort,
} from "../../client/generated/api.schemas.ts";
import { apiWord, jsonObject, wholeNumber, words } from "../framework/arguments.ts";
import {
  argument,
  command,
  flag,
  option,
  resourceField,
  type Command,
  type Group,
} from "../framework/command.ts";
import { DRAIN } from "./drain-command.ts";
import { DRILL, drillText } from "./drill-command.ts";
import { HOST_VERSION_COMMANDS } from "./versions-commands.ts";
import { GPU_HISTORY } from "./gpu-history-command.ts";
import { limit, listCommand, showCommand } from "../framework/list-command.ts";
import { printDone, printOne, sizeText, type Column } from "../framework/output.ts";
import { EVENT_COLUMNS } from "../work/workload-inspection.ts";

const HOST_COLUMNS: Column<Host>[] = [
  "id",
  "name",
  "status",
  { ifRoom: "connection" },
  ["health", (row) => row.health_status],
  { ifRoom: ["cordoned", (row) => (row.cordoned ? "yes" : "no")] },
  { wide: ["cpu", (row) => `${row.used_cpu}/${row.total_cpu}`] },
  { wide: ["memory", (row) => sizeText(row.total_memory)] },
  ["gpu", (row) => `${row.used_gpu}/${row.total_gpu}${row.simulated ? " (simulated)" : ""}`],
  { ifRoom: "tunnel" },
  { wide: ["release", (row) => row.agent_upgrade?.version ?? row.agent_version] },
  { wide: ["upgrade", (row) => upgradeText(row)] },
  { wide: ["pool", (row) => poolText(row)] },
  { wide: ["drill", (row) => drillText(row)] },
  ["says", (row) => row.status_reason ?? row.pool_reason ?? row.drill_detail],
];

/** `probation > 0.3.0-…` while one is under way, else what came of the last. */
function upgradeText({ agent_upgrade: upgrade }: Host): string | null {
  if (upgrade === null) return null;
  const { phase, to, last } = upgrade;
  if (phase !== null) return `${phase} > ${to ?? "?"}`;
  return last === null ? null : `${last.result} ${last.to}`;
}

/** Its pool, and how it stands there where it is not used. */
function poolText(row: Host): string {
  const { storage_pool: pool, claimed_storage_pool: claimed, pool_state: state } = row;
  if (typeof claimed === "string") return `${pool} (says ${claimed})`;
  return state === "trusted" ? pool : `${pool} (${state})`;
}

const GPU_COLUMNS: Column<Gpu>[] = [
  ["index", (row) => row.gpu_index],
  "uuid",
  "name",
  "status",
  ["health", (row) => row.health_status],
  { ifRoom: ["simulated", (row) => (row.simulated ? "yes" : "no")] },
  {
    ifRoom: ["use", (row) => (row.utilization_percent === null ? null : `${row.utilization_percent} %`)],
  },
  { ifRoom: ["island", (row) => row.nvlink_island] },
  ["allocated to", (row) => row.allocated_to],
  { ifRoom: ["strangers", (row) => strangersText(row.strangers)] },
  ["why", (row) => reasonsText(row)],
];

const PULL_COLUMNS: Column<HostPull>[] = [
  "image",
  "state",
  { ifRoom: ["layers", (row) => doneOf(row.layers_done, row.layers, String)] },
  ["bytes", (row) => doneOf(row.bytes_done, row.bytes, (bytes) => sizeText(bytes))],
  { ifRoom: ["fetch", (row) => row.fetch_id] },
  "problem",
  ["runtime says", (row) => row.operator_detail],
  "told_at",
];

const INSTANCE_COLUMNS: Column<InstanceOnHost>[] = [
  "id",
  "kind",
  ["workload", (row) => row.workload_id],
  { ifRoom: "name" },
  ["owner", (row) => row.owner_username ?? row.customer_id],
  "state",
  ["gpus", (row) => gpusText(row.gpus)],
  ["ports", (row) => leasesText(row.leases)],
];

/** `0, 1`; of a slice with its size. */
function gpusText(gpus: InstanceOnHost["gpus"]): string | null {
  const texts = (gpus ?? []).map((gpu) =>
    gpu.memory_mib === null ? String(gpu.gpu_index) : `${gpu.gpu_index} (${gpu.memory_mib} MiB)`,
  );
  return texts.length === 0 ? null : texts.join(", ");
}

/** `ssh 22 > 30512`; one that is not held says so. */
function leasesText(leases: InstanceOnHost["leases"]): string | null {
  const texts = (leases ?? []).map((lease) => {
    const port = lease.external_port === null ? "" : ` > ${lease.external_port}`;
    const state = lease.state === "held" ? "" : ` (${lease.state})`;
    return `${lease.service_type} ${lease.internal_port}${port}${state}`;
  });
  return texts.length === 0 ? null : texts.join(", ");
}

/** `3 of 8`; nothing before both numbers are known. */
function doneOf(done: number | null, all: number | null, text: (value: number) => string): string | null {
  return done === null || all === null ? null : `${text(done)} of ${text(all)}`;
}

/** `Xorg (812)`; a process that has no name is its number. */
function strangersText(strangers: Gpu["strangers"]): string | null {
  const texts = (strangers ?? []).map(({ pid, name }) => (name === null ? String(pid) : `${name} (${pid})`));
  return texts.length === 0 ? null : texts.join(", ");
}

/** An administrator's own word first, then what the host says. */
function reasonsText(row: Gpu): string | null {
  const word = typeof row.cordon_reason === "string" ? `Cordoned: ${row.cordon_reason}` : "Cordoned.";
  const own = row.cordoned_by === "admin" ? [word] : [];
  const [first, ...others] = row.health_reasons ?? [];
  const code = typeof row.reason_code === "string" ? ` (${row.reason_code})` : "";
  const hosts = first === undefined ? [] : [`${first}${code}`, ...others];
  return [...own, ...hosts].join(" ") || null;
}

const aHost = () => ({ host: resourceField("host", "host") });
const JOIN_TOKEN = command({
  name: "join-token",
  summary: "a one-use token with which a host joins within 15 minutes",
  takes: {
    host_name: option("--host-name <name>", "how the host is called", words()),
    storage_pool: option("--storage-pool <name>", "the pool that it shares; else one of its own", words()),
  },
  run: async ({ api, output }, members) => {
    const row = await api.send(createJoinToken(given(members)));
    const install =
      row.command ??
      "(This server hands out no agent to install; one begun with `remotegpu-control-plane run` does.)";
    printDone(output, `${row.token}\n\n${install}`, row);
  },
});

const VERBS: Command[] = [
  { verb: "cordon", request: cordonHost, summary: "place nothing new on it" },
  { verb: "uncordon", request: uncordonHost, summary: "place on it again" },
  { verb: "revoke", request: revokeHost, summary: "close its connection and refuse it from now on" },
].map(({ verb, request, summary }) =>
  command({
    name: verb,
    summary,
    takes: aHost(),
    run: async ({ api, output }, { host }) =>
      printDone(output, `Host ${host}: ${verb} done.`, await api.send(request(host))),
  }),
);

const HOST: Group = {
  name: "host",
  summary: "the fleet's hosts",
  members: [
    listCommand({
      summary: "every host",
      takes: {
        search: option("--search <part>", "only those with this part in id, name or address", words()),
        sort: option("--sort <by>", "id, name, connection or last_heartbeat", apiWord<ListHostsSort>()),
      },
      request: ({ search, sort }) => listHosts(given({ search, sort })),
      columns: HOST_COLUMNS,
      empty: "No host yet. Make a token: remotegpu join-token",
    }),
    showCommand({ summary: "one host, whole", takes: aHost(), request: ({ host }) => getHost(host) }),
    listCommand({
      name: "gpus",
      summary: "its GPUs, and who has them",
      takes: aHost(),
      request: ({ host }) => listHostGpus(host),
      columns: GPU_COLUMNS,
    }),
    listCommand({
      name: "instances",
      summary: "what runs there, whose it is, and its GPUs and leased ports",
      takes: { ...aHost(), ...limit(200, "at most so many") },
      request: ({ host }) => listHostInstances(host),
      columns: INSTANCE_COLUMNS,
      limit: 200,
      empty: "Nothing runs there.",
    }),
    listCommand({
      name: "pulls",
      summary: "the images that it pulls, how far it is, and why one does not come",
      takes: { ...aHost(), ...limit(200, "at most so many") },
      request: ({ host }) => listHostPulls(host),
      columns: PULL_COLUMNS,
      limit: 200,
      empty: "It pulls nothing now.",
    }),
    listCommand({
      name: "events",
      summary: "what happened on it, newest first",
      takes: { ...aHost(), ...limit(50, "at most so many") },
      request: ({ host }) => listHostEvents(host),
      columns: [...EVENT_COLUMNS, ["gpu", (row) => row.gpu_uuid]],
      limit: 50,
    }),
    command({
      name: "update",
      summary: "change its name, address or labels",
      takes: {
        ...aHost(),
        name: option("--name <name>", "another name", words()),
        public_ip: option("--public-ip <address>", "where customers reach its ports", words()),
        labels: option("--labels <json>", "a JSON object", jsonObject<NonNullable<HostChange["labels"]>>()),
      },
      run: async ({ api, output }, { host, ...members }) =>
        printOne(output, await api.send(changeHost(host, given(members)))),
    }),
    ...VERBS,
    DRAIN,
    DRILL,
    ...HOST_VERSION_COMMANDS,
    command({
      name: "confirm-pool",
      summary: "yes, it shares this storage pool",
      takes: {
        ...aHost(),
        storage_pool: option("--pool <name>", "which one; else the one that it said as it joined", words()),
      },
      run: async ({ api, output }, { host, ...members }) => {
        const row = await api.send(confirmHostPool(host, given(members)));
        const use = row.pool_state === "trusted" ? "It is used." : "It is used once that is proved.";
        printDone(output, `Host ${host} belongs to storage pool ${row.storage_pool}. ${use}`, row);
      },
    }),
    command({
      name: "confirm-stops",
      summary: "yes, these many stops are meant",
      takes: { ...aHost(), generation: argument("generation", wholeNumber()) },
      run: async ({ api, output }, { host, generation }) => {
        const row = await api.send(confirmHostStops(host, { generation }));
        printDone(output, `Stops of generation ${generation} on host ${host} are confirmed.`, row);
      },
    }),
    command({
      name: "confirm-address",
      summary: "yes, the address that it reports is its own; none takes that back",
      takes: { ...aHost(), address: argument("address", words()) },
      run: async ({ api, output }, { host, address }) => {
        const confirmed = { address: address === "none" ? null : address };
        const row = await api.send(confirmHostAddress(host, confirmed));
        printDone(output, row.address_detail, row);
      },
    }),
    command({
      name: "delete",
      summary: "take a host out of the fleet",
      takes: {
        ...aHost(),
        lost: flag("--lost", "the machine is gone: its runs end at their last proven moment"),
      },
      run: async ({ api, output }, { host, lost }) => {
        await api.send(deleteHost(host, given({ lost: lost ? "true" : undefined })));
        printDone(output, `Host ${host} is gone.`);
      },
    }),
  ],
};

const GPU: Group = {
  name: "gpu",
  summary: "one GPU",
  members: [
    GPU_HISTORY,
    ...[
      { verb: "cordon", request: cordonGpu, summary: "place nothing new on it" },
      { verb: "uncordon", request: uncordonGpu, summary: "place on it again" },
    ].map(({ verb, request, summary }) =>
      command({
        name: verb,
        summary,
        takes: { uuid: argument("uuid", words()) },
        run: async ({ api, output }, { uuid }) =>
          printDone(output, `GPU ${uuid}: ${verb} done.`, await api.send(request(uuid))),
      }),
    ),
  ],
};

export const HOSTS: readonly (Command | Group)[] = [JOIN_TOKEN, HOST, GPU];
