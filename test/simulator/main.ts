/**
 * `npm run proof:billing`: months of a fleet with faults on a throwaway Postgres, compared with the model after each
 * hour. Options: --days (90), --hosts (50), --customers (40), --seed (1). Ends at the first hour that differs, with 1.
 */
import { parseArgs } from "node:util";
import { startTemplateServer } from "../support/engines/postgres-servers/postgres-server.ts";
import { freshDatabase } from "../support/engines/postgres.ts";
import { FleetSimulation } from "./fleet.ts";

const STARTS_AT = Date.parse("2026-01-20T00:00:00Z");
const HOURS_PER_DAY = 24;

const print = (line: string) => void process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: {
    days: { type: "string", default: "90" },
    hosts: { type: "string", default: "50" },
    customers: { type: "string", default: "40" },
    seed: { type: "string", default: "1" },
  },
});
const [days, hosts, customers, seed] = [values.days, values.hosts, values.customers, values.seed].map(Number);
if (
  ![days, hosts, customers, seed].every(
    (value) => value !== undefined && Number.isInteger(value) && value > 0,
  )
) {
  process.stderr.write("--days, --hosts, --customers and --seed take whole numbers above zero\n");
  process.exit(2);
}

const server = await startTemplateServer();
const fresh = await freshDatabase({ serverUrl: server.url });
try {
  process.exitCode = (await play()) ? 0 : 1;
} finally {
  await fresh.drop();
  await server.stop();
}

async function play(): Promise<boolean> {
  const options = { seed: seed ?? 1, hosts: hosts ?? 50, customers: customers ?? 40, startsAt: STARTS_AT };
  const fleet = await FleetSimulation.begin(fresh, options);
  for (let day = 1; day <= (days ?? 90); day += 1) {
    for (let hour = 0; hour < HOURS_PER_DAY; hour += 1)
      if (!agree(await fleet.hour(), `day ${day}, hour ${hour}`)) return false;
    if (!agree(await fleet.wholeDifferences(), `the end of day ${day}`)) return false;
    print(`day ${day}: ${JSON.stringify(fleet.counts)}`);
  }
  print(`${days} days of ${hosts} hosts agree with the model after every hour (seed ${seed}).`);
  return true;
}

function agree(differences: readonly string[], when: string): boolean {
  for (const line of differences.slice(0, 20)) print(`${when} (seed ${seed}): ${line}`);
  return differences.length === 0;
}
