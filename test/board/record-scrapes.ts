/**
 * `npm run board:record`: scrapes a server and an agent before and after an environment starts, and writes what they serve
 * into the fixtures that the board's queries are tried with. Needs the container runtime.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { freePort } from "../support/engines/free-ports.ts";
import { eventually } from "../support/eventually.ts";
import { SCRAPES, SCRAPE_MOMENTS, scrapeFile } from "../support/monitoring/recorded-scrapes.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";

const PATIENCE_MS = 180_000;
/** What must have been counted by the second scrape. */
const COUNTED = [
  /^remotegpu_usage_ingested_rows_total [1-9]/m,
  /^remotegpu_environment_start_duration_seconds_count\{phase="ready"\} [1-9]/m,
];

type Addresses = { controlPlane: string; agent: string };

async function scraped(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}

async function record(moment: (typeof SCRAPE_MOMENTS)[number], addresses: Addresses): Promise<void> {
  writeFileSync(scrapeFile("control-plane", moment), await scraped(addresses.controlPlane));
  writeFileSync(scrapeFile("agent", moment), await scraped(addresses.agent));
}

async function startEnvironment(house: House): Promise<void> {
  const ordered = await house.customer.post("/environments", {
    name: "recorded",
    image: BUSYBOX_IMAGE,
    cpu: 1,
    memory: 256 * 2 ** 20,
    gpu: 1,
  });
  await house.environment(String(ordered["id"]), "running", PATIENCE_MS);
}

async function recordBoth(house: House): Promise<void> {
  const listen = `127.0.0.1:${await freePort()}`;
  await house.addHost({ REMOTEGPU_METRICS_LISTEN: listen });
  const addresses = { controlPlane: `${house.url}/metrics`, agent: `http://${listen}/metrics` };
  await record("before", addresses);
  await startEnvironment(house);
  await eventually(
    async () => {
      const text = await scraped(addresses.controlPlane);
      return COUNTED.every((line) => line.test(text));
    },
    { withinMs: PATIENCE_MS, what: "usage that is ingested and a start that is counted" },
  );
  await record("after", addresses);
}

mkdirSync(SCRAPES, { recursive: true });
const house = await House.open({ hosts: 0 });
try {
  await recordBoth(house);
} finally {
  await house.close();
}
