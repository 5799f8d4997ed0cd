/**
 * A control plane in this process for benches of orders: the real API on a port and scheduling on a real Postgres, with
 * its settings of production, a fleet of hosts that are rows only, and customers with money in a process of their own
 * (order-client.ts).
 */
import { reasonOf } from "@remotegpu/control-plane/server/core/reasons/plain-reason";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { createFirstAdminKey } from "@remotegpu/control-plane/server/http/server/admin-key";
import { ServerCounters } from "@remotegpu/control-plane/server/core/metrics/server-counters";
import { noAttempts } from "@remotegpu/control-plane/server/http/request/attempts";
import { createApp } from "@remotegpu/control-plane/server/http/server/app";
import type { ApiDeps } from "@remotegpu/control-plane/server/http/deps";
import { openServer } from "@remotegpu/control-plane/server/http/server/server";
import { downloadLinks } from "@remotegpu/control-plane/server/link/identity/download-links";
import { hostIdentity } from "@remotegpu/control-plane/server/link/identity/host-credential";
import { openOperator } from "@remotegpu/control-plane/server/link/servers/operator";
import { environmentHostKeys } from "@remotegpu/control-plane/server/link/identity/environment-host-keys";
import { envVarSeal } from "@remotegpu/control-plane/server/link/identity/env-var-seal";
import { webhookSeal } from "@remotegpu/control-plane/server/link/identity/webhook-seal";
import { environmentJupyterTokens } from "@remotegpu/control-plane/server/link/identity/environment-jupyter-tokens";
import { passwordSeal } from "@remotegpu/control-plane/server/link/identity/password-seal";
import { admitServer } from "@remotegpu/control-plane/server/store/database/server-login";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { setSetting } from "@remotegpu/control-plane/server/store/accounts/settings";
import { quietLog } from "../support/quiet-log.ts";
import type { FromClient, ToClient } from "./order-client.ts";

const NO_LIMIT = { burst: 1e9, perSecond: 1e9 };

export interface OrderWorld {
  db: Database;
  /** The same database as its owner: for what the control plane itself may not. */
  owner: Database;
  newId: ApiDeps["newId"];
  /** What an administrator is answered on this path below /api/v1. */
  read(path: string): Promise<string>;
  /** Environments with one core and one card, so many at a time, ordered by one customer after the other. */
  order(round: { together: number; orders: number; untilPlaced: boolean }): Promise<Ordered>;
  /** Tells the customers who wait for that. */
  reportPlaced(ids: string[]): void;
  /** Nothing runs any more, and Postgres knows the sizes of its tables, as it does by itself within a minute. */
  empty(): Promise<void>;
  /** Called with every order that is queued. */
  onWake(wake: () => void): void;
  /** Of all its processes so far. */
  postgresCpuMs(): Promise<number>;
}

interface Ordered {
  ids: string[];
  /** Of the customers' process. */
  cpuMs: number;
}

export interface FleetSize {
  hosts: number;
  cardsPerHost: number;
  customers: number;
}

export const hostName = (host: number) => `host-${String(host).padStart(5, "0")}`;
export const cardName = (host: number, card: number) => `GPU-bench-${String(host).padStart(5, "0")}-${card}`;

export async function openOrderWorld(fleet: FleetSize, ending: AsyncDisposableStack): Promise<OrderWorld> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const postgres = await startPostgres({ stateDir: join(folder, "postgres"), log: quietLog });
  ending.defer(() => postgres.stop());
  await migrate(postgres.url);
  const owner = openDatabase(postgres.url, { maxConnections: 1, runsAs: "owner" });
  ending.defer(() => owner.close());
  const login = { ownerUrl: postgres.url, password: postgres.serverPassword };
  const db = openDatabase(await admitServer(owner, login));
  ending.defer(() => db.close());
  await makeFleet(db, fleet);

  let wake: () => void = () => undefined;
  const deps = await depsOf(db, { folder, wake: () => wake() });
  const app = createApp(deps);
  const request = async (path: string, key: string, body: object): Promise<Record<string, unknown>> => {
    const response = await app.request(`/api/v1${path}`, {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${answer}`);
    return JSON.parse(answer) as Record<string, unknown>;
  };
  const adminKey = await makeSettings(db);
  const keys = await makeCustomers(adminKey, { customers: fleet.customers, request });
  const server = await openServer(app, { host: "127.0.0.1", port: 0, tls: null });
  ending.defer(() => server.close());
  const client = fork(new URL("order-client.ts", import.meta.url), { serialization: "advanced" });
  ending.defer(() => end(client));
  await answerOf(client, { kind: "open", url: `http://127.0.0.1:${server.port}/api/v1/environments`, keys });
  return {
    db,
    owner,
    newId: deps.newId,
    async read(path) {
      const response = await app.request(`/api/v1${path}`, {
        headers: { Authorization: `Bearer ${adminKey}` },
      });
      const answer = await response.text();
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${answer}`);
      return answer;
    },
    async order(round) {
      const answer = await answerOf(client, { kind: "order", ...round });
      if (answer.kind !== "ordered") throw new Error(`the customers answered ${answer.kind}`);
      return answer;
    },
    reportPlaced: (ids) => report(client, { kind: "placed", ids }),
    empty: () => empty(owner),
    postgresCpuMs: () => postgresCpuMs(db),
    onWake(work) {
      wake = work;
    },
  };
}

function report(client: ChildProcess, message: ToClient): void {
  client.send(message);
}

async function answerOf(client: ChildProcess, message: ToClient): Promise<FromClient> {
  const ended = new AbortController();
  const onExit = () => ended.abort(new Error("the customers' process has ended"));
  client.once("exit", onExit);
  const answers = once(client, "message", { signal: ended.signal });
  report(client, message);
  const [answer] = (await answers) as [FromClient];
  client.off("exit", onExit);
  if (answer.kind === "failed") throw new Error(`an order failed: ${answer.why}`);
  return answer;
}

async function end(client: ChildProcess): Promise<void> {
  if (client.exitCode !== null || client.signalCode !== null) return;
  const ended = once(client, "exit");
  client.disconnect();
  await ended;
}

/** As if every host had confirmed that all is gone. */
async function empty(db: Database): Promise<void> {
  const statements = [
    "UPDATE gpu_allocations SET mode = NULL, released_at = now() WHERE released_at IS NULL",
    "UPDATE gpus SET sharing_mode = NULL, status = 'available', allocated_to = NULL, allocated_at = NULL",
    `UPDATE placements SET want = 'removed', ordered_by = 'customer', resources_released_at = now(), gone_at = now()
      WHERE gone_at IS NULL`,
    "UPDATE lease_orders SET state = 'released', ended_at = now() WHERE ended_at IS NULL",
    "UPDATE runs SET closed_at = now() WHERE closed_at IS NULL",
    "UPDATE environments SET status = 'deleting', deleted_at = now() WHERE deleted_at IS NULL",
    "ANALYZE",
  ];
  for (const statement of statements) await db.query(statement);
}

/** A tick of /proc/<pid>/stat is 10 ms. */
const MS_PER_TICK = 10;

/** Of all processes of that server, on this machine; those that have ended by now included. */
export async function postgresCpuMs(db: Database): Promise<number> {
  const { rows } = await db.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const postmaster = processOf(rows[0]?.pid ?? 0).parent;
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, "utf8").trim().split(" ");
  const { ticks, ticksOfEnded } = processOf(postmaster);
  return (
    MS_PER_TICK * children.reduce((sum, pid) => sum + processOf(Number(pid)).ticks, ticks + ticksOfEnded)
  );
}

function processOf(pid: number): { parent: number; ticks: number; ticksOfEnded: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ticks: user + system, ticksOfEnded: endedUser + endedSystem };
}

async function depsOf(
  db: Database,
  { folder, wake }: { folder: string; wake: () => void },
): Promise<ApiDeps> {
  const operator = await openOperator(join(folder, "operator.json"));
  return {
    db,
    recordPayment: null,
    now: () => new Date(),
    newId: (prefix) => `${prefix}-${randomUUID()}`,
    pause: () => Promise.resolve(),
    link: {
      nudge: () => undefined,
      wake,
      isConnected: () => true,
      degraded: () => [],
      journalBacklog: () => Promise.resolve(null),
      exec: () => Promise.resolve(null),
      openLogs: () =>
        Promise.resolve({ opened: false, reason: "unreachable", why: asReported("no host here") }),
      revocationsChanged: () => Promise.resolve(),
    },
    files: { request: () => Promise.resolve({ isReached: false, why: reasonOf("server-without-gateway") }) },
    replicaMetrics: {
      request: () => Promise.resolve({ kind: "away", why: "no host here" }),
    },
    downloadLinks: downloadLinks(operator),
    identity: hostIdentity(operator, { natsUrls: ["nats://127.0.0.1:4222"], ca: null }),
    passwords: passwordSeal(operator),
    envVars: envVarSeal(operator),
    webhookSecrets: webhookSeal(operator),
    jupyterTokens: environmentJupyterTokens(operator),
    hostKeys: environmentHostKeys(operator),
    signOn: null,
    attempts: noAttempts(),
    metrics: { counters: new ServerCounters(), isLeader: () => false },
    closing: new AbortController().signal,
    config: {
      version: "0.0.0-bench",
      publicUrl: "http://127.0.0.1:8080",
      joinCommand: () => null,
      bundle: () => null,
      commandFile: () => Promise.resolve(null),
      packages: () => Promise.resolve(null),
      dashboard: () => ({ state: "missing" }),
      billingCalendar: { utcOffsetMinutes: 480, closeDelayHours: 24 },
      rateLimits: { perKey: NO_LIMIT, perAddress: NO_LIMIT, logins: NO_LIMIT },
    },
    log: quietLog,
  };
}

/** Hosts that were heard just now, and stay so: what they would say is not measured here. */
async function makeFleet(db: Database, { hosts, cardsPerHost }: FleetSize): Promise<void> {
  await db.query(
    `INSERT INTO hosts (id, name, hostname, ip_address, seen_addresses, storage_pool, observed_digest, observed_at, connection, status,
            protocol_min, protocol_max, last_heartbeat, total_cpu, total_memory, total_disk)
     SELECT 'host-' || lpad(n::text, 5, '0'), 'host ' || n, 'host-' || n, '10.0.0.1', '{10.0.0.1}', 'pool-' || n, repeat('a', 64), now(),
            'connected', 'online', 1, 1, now() + interval '1 hour', 128, 2^40, 2^42
       FROM generate_series(0, $1::int - 1) n`,
    [hosts],
  );
  await db.query(
    `INSERT INTO gpus (host_id, gpu_index, uuid, name, memory_total, health_status, status)
     SELECT 'host-' || lpad(n::text, 5, '0'), card, 'GPU-bench-' || lpad(n::text, 5, '0') || '-' || card, 'Bench', 2^36,
            'healthy', 'available'
       FROM generate_series(0, $1::int - 1) n, generate_series(0, $2::int - 1) card`,
    [hosts, cardsPerHost],
  );
}

/** Answers an administrator's key. */
async function makeSettings(db: Database): Promise<string> {
  await setSetting(db, "DEFAULT_QUOTA_LEVEL", "enterprise");
  await db.query(
    `INSERT INTO prices (spec, line, unit_price, billing_unit, effective_from)
     SELECT 'default', line, 0.5, 'hour', '2020-01-01Z' FROM unnest('{cpu,memory,gpu}'::text[]) line`,
  );
  return (await createFirstAdminKey(db, new Date())).key;
}

async function makeCustomers(
  adminKey: string,
  {
    customers,
    request,
  }: {
    customers: number;
    request: (path: string, key: string, body: object) => Promise<Record<string, unknown>>;
  },
): Promise<string[]> {
  const keys: string[] = [];
  for (let n = 0; n < customers; n += 1) {
    const named = { username: `customer-${n}`, email: `customer-${n}@example.com` };
    const { id } = await request("/customers", adminKey, named);
    await request(`/customers/${String(id)}/top-ups`, adminKey, { amount: "1000000" });
    keys.push((await request(`/customers/${String(id)}/api-keys`, adminKey, {}))["key"] as string);
  }
  return keys;
}
