/** `remotegpu host versions`, `waive-cves` and `end-cve-waiver`: what a host runs containers with, and what is accepted of it. */
import { given } from "../../client/api-request.ts";
import { endHostCveWaiver, getHostVersions, waiveHostCves } from "../../client/generated/api.ts";
import type { HostVersions } from "../../client/generated/api.schemas.ts";
import { wholeNumber, words } from "../framework/arguments.ts";
import { command, needed, option, resourceField, type Command } from "../framework/command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";

const aHost = () => ({ host: resourceField("host", "host") });

const COMPONENT_COLUMNS: Column<HostVersions["components"][number]>[] = [
  "component",
  "version",
  "package",
  ["package version", (row) => row.package_version],
  ["note", (row) => (row.is_replaced ? "restart it: its file was replaced" : null)],
];
const CVE_COLUMNS: Column<HostVersions["cves"][number]>[] = [
  "id",
  "component",
  ["state", (row) => (row.is_waived ? `${row.state} (waived)` : row.state)],
  "detail",
];

const VERSIONS = command({
  name: "versions",
  summary: "what it runs containers with, and which CVEs are open there",
  takes: aHost(),
  isWatchable: true,
  run: async ({ api, output }, { host }) => {
    const row = await api.send(getHostVersions(host));
    if (output.format === "json") return printDone(output, "", row);
    printList(output, row.components, COMPONENT_COLUMNS, "It has reported no versions yet.");
    if (output.format !== "name") output.write("\n");
    printList(output, row.cves, CVE_COLUMNS, "Nothing is known to be open or mended there.");
  },
});

const WAIVE = command({
  name: "waive-cves",
  summary: "accept the CVEs that are open there; the reason stands in the audit log",
  takes: {
    ...aHost(),
    reason: needed("--reason <text>", "why that is acceptable", words()),
    cves: option("--cves <list>", "only these, with commas between; all that are open by default", words()),
    days: option("--days <count>", "for how long; until it is taken back by default", wholeNumber()),
  },
  examples: ["host waive-cves gpu-07 --reason 'one tenant alone has it' --days 30"],
  more: "A CVE that is found later is not waived. remotegpu host end-cve-waiver HOST takes it back.",
  run: async ({ api, output }, { host, reason, cves, days }) => {
    const named = cves?.split(",").map((id) => id.trim());
    const row = await api.send(waiveHostCves(host, given({ reason, cves: named, days })));
    printDone(output, `Waived on host ${host}: ${row.waiver?.cves.join(", ") ?? ""}.`, row);
  },
});

const END_WAIVER = command({
  name: "end-cve-waiver",
  summary: "take the waiver of its CVEs back",
  takes: aHost(),
  run: async ({ api, output }, { host }) => {
    await api.send(endHostCveWaiver(host));
    printDone(output, `Nothing is waived on host ${host} any more.`);
  },
});

export const HOST_VERSION_COMMANDS: readonly Command[] = [VERSIONS, WAIVE, END_WAIVER];
