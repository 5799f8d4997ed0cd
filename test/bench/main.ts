/**
 * `npm run bench`: measures what was promised as ratios, each to something bare in the same moments, and judges
 * nothing. Arguments choose by name (test/README.md has the list); none means all. `--rows` makes the largest smaller;
 * each `--harm` chooses one of what neighbours are measured beside.
 */
import { parseArgs } from "node:util";
import { measureAgentCpu } from "./agent-cpu.ts";
import { measureAgentMemory } from "./agent-memory.ts";
import { measureAuditPages } from "./audit-pages.ts";
import { measureAutoscaling } from "./autoscaling.ts";
import { measureBacklog } from "./backlog.ts";
import { measureCommand } from "./command.ts";
import { measureDecisions } from "./decisions.ts";
import { measureEnvironment } from "./environment.ts";
import { measureFleetMap } from "./fleet-map.ts";
import { measureStreams } from "./streams.ts";
import { measureGangNetwork } from "./gang-network.ts";
import { measureGangs } from "./gangs.ts";
import { measureGpuHistory } from "./gpu-history.ts";
import { measureHeartbeats } from "./heartbeats.ts";
import { measureIngest } from "./ingest.ts";
import { measureInvoices } from "./invoices.ts";
import { measureJobOutput } from "./job-output.ts";
import { measureJobs } from "./jobs.ts";
import { measureJournal } from "./journal.ts";
import { measureJupyter } from "./jupyter.ts";
import { measureLargeFleet } from "./large-fleet.ts";
import { measureNeighbours, measureServiceNeighbours } from "./neighbours.ts";
import { measurePlacements } from "./placements.ts";
import { measurePage } from "./page.ts";
import { measurePass } from "./pass.ts";
import { measureQueuePages } from "./queue-pages.ts";
import { measureQueue } from "./queue.ts";
import { measureRecordPages } from "./record-pages.ts";
import { measureRelay } from "./relay.ts";
import { measureRunningCosts } from "./running-costs.ts";
import { measureServiceRollouts } from "./service-rollouts.ts";
import { measureServiceScaling } from "./service-scaling.ts";
import { measureServices } from "./services.ts";
import { measureSsh } from "./ssh.ts";
import { measureStart } from "./start.ts";
import { measureTerminal } from "./terminal.ts";
import { measureTunnel } from "./tunnel.ts";
import { measureUpgrade } from "./upgrade.ts";
import { measureWeb } from "./web.ts";

type Bench = (
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  size: { rows: number | undefined; harms: readonly string[] | undefined },
) => Promise<void>;

const BENCHES: Record<string, Bench> = {
  environment: measureEnvironment,
  jobs: measureJobs,
  "agent-memory": measureAgentMemory,
  "agent-cpu": measureAgentCpu,
  journal: measureJournal,
  start: measureStart,
  heartbeats: measureHeartbeats,
  "gpu-history": measureGpuHistory,
  backlog: measureBacklog,
  ingest: measureIngest,
  upgrade: measureUpgrade,
  relay: measureRelay,
  gangs: measureGangs,
  "gang-network": measureGangNetwork,
  "job-output": measureJobOutput,
  ssh: measureSsh,
  web: measureWeb,
  services: measureServices,
  "service-rollouts": measureServiceRollouts,
  "service-scaling": measureServiceScaling,
  tunnel: measureTunnel,
  terminal: measureTerminal,
  neighbours: measureNeighbours,
  "service-neighbours": measureServiceNeighbours,
  jupyter: measureJupyter,
  command: measureCommand,
  decisions: measureDecisions,
  autoscaling: measureAutoscaling,
  queue: measureQueue,
  pass: measurePass,
  placements: measurePlacements,
  invoices: measureInvoices,
  "record-pages": measureRecordPages,
  "audit-pages": measureAuditPages,
  "queue-pages": measureQueuePages,
  "fleet-map": measureFleetMap,
  streams: measureStreams,
  "running-costs": measureRunningCosts,
  page: measurePage,
  "large-fleet": measureLargeFleet,
};

const { values, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: "string" }, harm: { type: "string", multiple: true } },
});
const size = { rows: values.rows === undefined ? undefined : Number(values.rows), harms: values.harm };
const unknown = chosen.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  process.stderr.write(`There is no ${unknown.join(", ")}; choose of ${Object.keys(BENCHES).join(", ")}.\n`);
  process.exit(2);
}

const say = (line: string) => void process.stdout.write(`${line}\n`);
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
  await measure(say, ending, size);
  say("");
}
