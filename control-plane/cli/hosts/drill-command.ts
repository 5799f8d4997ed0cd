/** `remotegpu host drill`: what came of a host's last drill, fault by fault. It is played on the host itself. */
import { getHost } from "../../client/generated/api.ts";
import type { Host, HostDrillFault } from "../../client/generated/api.schemas.ts";
import { command, resourceField } from "../framework/command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";

const FAULT_COLUMNS: Column<HostDrillFault>[] = [
  "fault",
  "kind",
  "result",
  ["seconds", (row) => String(row.seconds)],
  ["why", (row) => row.reason],
];
const HOW = "A drill is played on the host itself, as root: remotegpu-agent drill --canary INSTANCE";

/** `passed 2026-07-01`; null: it reported none. */
export function drillText({ drill }: Host): string | null {
  if (drill === null) return null;
  const [day = ""] = drill.ended_at.split("T");
  return `${drill.passed ? "passed" : "failed"} ${day}`;
}

export const DRILL = command({
  name: "drill",
  summary: "what came of its last drill, fault by fault, and whether its certificate does",
  takes: { host: resourceField("host", "host") },
  more: HOW,
  isWatchable: true,
  run: async ({ api, output }, { host }) => {
    const row = await api.send(getHost(host));
    const { drill, drill_detail, drill_detail_code } = row;
    if (output.format === "json") return printDone(output, "", { drill, drill_detail, drill_detail_code });
    if (output.format !== "name") output.write(`${sentenceOf(row)}\n\n`);
    const faults = (drill?.faults ?? []).map((fault) => ({ ...fault, name: fault.fault }));
    printList(output, faults, FAULT_COLUMNS, HOW);
  },
});

function sentenceOf({ drill, drill_detail: detail }: Host): string {
  const held = detail === null ? "" : ` Nothing new is placed there: ${detail}.`;
  if (drill === null) return `This host has no certificate of a drill.${held}`;
  const came = drill.passed ? "passed" : "failed";
  return `The drill of ${drill.ended_at} under ${drill.canary}, with release ${drill.version}, ${came}.${held}`;
}
