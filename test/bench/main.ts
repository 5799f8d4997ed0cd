/**
 * `npm run bench`: measures what was promised as ratios, each to something bare in the same moments, and judges
 * nothing. Arguments choose by name (test/docs/benches.md has the list); none means all. `--rows` makes the largest smaller;
 * each `--harm` chooses one of what neighbours are measured beside.
 */
import { parseArgs } from "node:util";
import { measureAgentCpu } from "./agent-cpu.ts";
import { measureAgentMemory } from "./agent-memory.ts";
import { measureEnvironment } from "./environment.ts";
import { measureHeartbeats } from "./heartbeats.ts";
import { measureIngest } from "./ingest.ts";
import { measureLargeFleet } from "./large-fleet.ts";
import { measureInvoices } from "./invoices.ts";
import { measureNeighbours, measureServiceNeighbours } from "./neighbours.ts";
import { measurePlacements } from "./placements.ts";
import { measurePage } from "./page.ts";
import { measureRecordPages } from "./record-pages.ts";
import { measureRestore } from "./restore.ts";
import { measureServiceScaling } from "./service-scaling.ts";
import { measureServices } from "./services.ts";
import { measureSsh } from "./ssh.ts";
import { measureUpgrade } from "./upgrade.ts";

type Bench = (
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  size: { rows: number | undefined; attacks: readonly string[] | undefined },
) => Promise<void>;

const BENCHES: Record<string, Bench> = {
  environment: measureEnvironment,
  "agent-memory": measureAgentMemory,
  "agent-cpu": measureAgentCpu,
  heartbeats: measureHeartbeats,
  "large-fleet": measureLargeFleet,
  ingest: measureIngest,
  upgrade: measureUpgrade,
  ssh: measureSsh,
  services: measureServices,
  "service-scaling": measureServiceScaling,
  neighbours: measureNeighbours,
  "service-neighbours": measureServiceNeighbours,
  placements: measurePlacements,
  invoices: measureInvoices,
  "record-pages": measureRecordPages,
  restore: measureRestore,
  page: measurePage,
};

const { values, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: "string" }, attack: { type: "string", multiple: true } },
});
const size = { rows: values.rows === undefined ? undefined : Number(values.rows), attacks: values.attack };
const unknown = chosen.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  process.stderr.write(`There is no ${unknown.join(", ")}; choose of ${Object.keys(BENCHES).join(", ")}.\n`);
  process.exit(2);
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
for (const [name, measure] of Object.entries(BENCHES))
  if (chosen.length === 0 || chosen.includes(name)) await run(measure);

/** Whatever a measurement began is ended after it, and when we are told to end amid it. */
async function run(measure: Bench): Promise<void> {
  await using ending = new AsyncDisposableStack();
  const endEarly = () => void ending.disposeAsync().finally(() => process.exit(130));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, endEarly);
    ending.defer(() => void process.removeListener(signal, endEarly));
  }
  await measure(print, ending, size);
  print("");
}
