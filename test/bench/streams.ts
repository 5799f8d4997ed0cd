/**
 * 500 streams of a fleet of 200 hosts with 8 cards each, of which a tenth tells new readings each second and five
 * workloads change: the processor time of the server, against the same changes without any reader; and how long until a
 * page is told of a cordon.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "@remotegpu/control-plane/store/database/database";
import { openServer } from "@remotegpu/control-plane/http/server/server";
import { execa } from "execa";
import { openApi } from "../support/http/api.ts";
import { EventStream } from "../support/http/event-stream.ts";
import { eventually } from "../support/eventually.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, valuesLine } from "./comparison.ts";
import { makeFleet } from "./fleet-map.ts";

const ADMINS = 50;
const CUSTOMERS = 9;
const STREAMS_OF_EACH = 50;
const STREAMS = ADMINS + CUSTOMERS * STREAMS_OF_EACH;
const SECONDS = 15;
const CORDONS = 10;
const CLIENTS = new URL("stream-clients.ts", import.meta.url).pathname;

export async function measureStreams(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const api = await openApi({}, await sceneDatabase(ending));
  ending.defer(() => api.close());
  const customers = [];
  for (let nth = 0; nth < CUSTOMERS; nth += 1) customers.push(await api.customer(`customer-${nth}`));
  await makeFleet(api.db, api.admin.customerId);
  await api.db.query(
    "UPDATE environments SET customer_id = ($1::bigint[])[1 + hashtext(id) & 7] WHERE hashtext(id) % 2 = 0",
    [customers.map(({ customerId }) => customerId)],
  );
  const server = await openServer(api.app, { host: "127.0.0.1", port: 0, tls: null });
  ending.defer(() => server.close());
  ending.defer(() => api.endStreams());
  const url = `http://127.0.0.1:${server.port}`;

  const quiet = await percentOfCore(api.db);
  const sorts = [
    [api.admin.key, "fleet,queue,alarms,gpu", String(ADMINS)],
    ...customers.map(({ key }) => [key, "workloads,queue,billing,gpu,cost", String(STREAMS_OF_EACH)]),
  ];
  const clients = execa(process.execPath, [CLIENTS, url, ...sorts.flat()], { reject: false });
  let said = "";
  clients.stdout.on("data", (chunk) => (said += String(chunk)));
  await eventually(() => said.split("\n").includes(String(STREAMS)), {
    withinMs: 120_000,
    what: "all streams",
  });
  // What each has at its beginning is over.
  await pause(3_000);
  const read = await percentOfCore(api.db);
  clients.stdin?.end();
  await clients;

  say(headLine(`${STREAMS} streams, 200 hosts with 8 cards each, ${SECONDS} s`));
  say(valuesLine("of a core for the changes alone", [quiet], "%"));
  say(valuesLine("of a core with the streams", [read], "%"));
  say(valuesLine("of a core for the streams", [read - quiet], "%"));
  say(valuesLine("until a page is told of a cordon", await cordonsTold(api.db, url, api.admin.key), "ms"));
}

async function percentOfCore(database: Database): Promise<number> {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  for (let second = 0; second < SECONDS; second += 1) {
    await database.query(
      "UPDATE gpus SET utilization_percent = $1::int, last_seen_at = now() WHERE (hashtext(uuid) & 1023) % 10 = $1::int % 10",
      [second],
    );
    await database.query(
      "UPDATE environments SET status_reason = $1 WHERE id IN (SELECT id FROM environments ORDER BY id LIMIT 5)",
      [String(second)],
    );
    await pause(Math.max(0, startedMs + (second + 1) * 1_000 - performance.now()));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 10 / (performance.now() - startedMs);
}

async function cordonsTold(database: Database, url: string, key: string): Promise<number[]> {
  const stream = await EventStream.open(`${url}/api/v1/stream?topics=fleet`, { key });
  const told: number[] = [];
  for (let nth = 0; nth < CORDONS; nth += 1) {
    const known = stream.changed.length;
    const startedMs = performance.now();
    await database.query("UPDATE gpus SET cordoned = NOT cordoned WHERE uuid = $1", [`GPU-${nth + 1}-0`]);
    await stream.until("the cordon", ({ changed }) => changed.length > known);
    told.push(performance.now() - startedMs);
  }
  stream.leave();
  return told;
}
