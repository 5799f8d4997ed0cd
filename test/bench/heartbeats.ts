/**
 * How much of a core one control plane needs for 5,000 hosts that beat every ten seconds, with a real NATS and a real
 * Postgres. CPU time of its process is what counts, so that a busy machine does not change the figure much.
 */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@remotegpu/control-plane/server/embedded/postgres";
import { ownUser } from "@remotegpu/control-plane/server/link/servers/operator";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { startTestNats } from "../support/engines/nats.ts";
import { quietLog } from "../support/quiet-log.ts";
import { FleetFigures, type FleetOrder } from "./heartbeat-fleet.ts";
import { startControlPlane } from "./control-plane-process.ts";
import type { RunningProcess } from "./running-process.ts";

const HOSTS = 5_000;
const CARDS_PER_HOST = 2;
/** Running there; BENCH_INSTANCES says another number, 0 for a fleet that tells no figures. */
const INSTANCES_PER_HOST = Number(process.env["BENCH_INSTANCES"] ?? 2);
/** A round of everybody's beats in which nothing is new any more, and what the first ones left to do. */
const WARM_UP_MS = 20_000;
const COUNTED_MS = 40_000;

const FLEET = new URL("heartbeat-fleet.ts", import.meta.url).pathname;

export async function measureHeartbeats(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const postgres = await startPostgres({ stateDir: join(folder, "postgres"), log: quietLog });
  ending.defer(() => postgres.stop());
  await makeFleet(postgres.url);
  const nats = await startTestNats();
  ending.defer(() => nats.close());

  const controlPlane = await startControlPlane({
    folder: join(folder, "control-plane"),
    operatorFile: join(nats.folder, "operator.json"),
    databaseUrl: postgres.url,
    natsUrl: nats.address.urls[0] ?? "",
  });
  ending.defer(() => controlPlane.process.stop());
  const user = await ownUser(nats.operator.hostsAccount, "bench");
  const figures = await measure(controlPlane.process, {
    natsUrl: nats.address.urls[0] ?? "",
    jwt: user.jwt,
    seed: new TextDecoder().decode(user.seed),
    hosts: HOSTS,
    cardsPerHost: CARDS_PER_HOST,
    instancesPerHost: INSTANCES_PER_HOST,
    warmUpMs: WARM_UP_MS,
    countedMs: COUNTED_MS,
  });

  const { newcomersMs, answered, refused, p50Ms, p99Ms, maxMs, cpuSeconds, seconds } = figures;
  print(
    `${HOSTS} hosts with ${CARDS_PER_HOST} cards and ${INSTANCES_PER_HOST} instances each, one control plane`,
  );
  print(`  until all were known, all being new ${(newcomersMs / MS_PER_SECOND).toFixed(1)} s`);
  print(`  CPU of the control plane            ${((100 * cpuSeconds) / seconds).toFixed(1)} % of a core`);
  print(`  heartbeats a second                 ${(answered / seconds).toFixed(0)}`);
  print(`  CPU for a heartbeat                 ${((1e6 * cpuSeconds) / answered).toFixed(0)} µs`);
  print(
    `  round trip p50 / p99 / longest      ${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)} / ${maxMs.toFixed(0)} ms`,
  );
  print(`  refused or unanswered               ${refused}`);
  print(`  memory of the control plane         ${(controlPlane.process.memoryBytes() / MIB).toFixed(0)} MiB`);
}

/** Hosts that have joined and reported, so that nothing but their heartbeats is left to say. */
async function makeFleet(databaseUrl: string): Promise<void> {
  const database = openDatabase(databaseUrl, { runsAs: "owner" });
  await migrate(databaseUrl);
  await database.query(
    `INSERT INTO hosts (id, name, hostname, ip_address, storage_pool, observed_digest, total_cpu, total_memory)
     SELECT 'host-' || lpad(n::text, 5, '0'), 'host ' || n, 'host-' || n, '10.0.0.1', 'pool-' || n, repeat('a', 64), 64, 2^38
       FROM generate_series(0, $1::int - 1) n`,
    [HOSTS],
  );
  await database.query(
    `INSERT INTO gpus (host_id, gpu_index, uuid, name, memory_total)
     SELECT 'host-' || lpad(n::text, 5, '0'), card, 'GPU-bench-' || n || '-' || card, 'Bench', 2^36
       FROM generate_series(0, $1::int - 1) n, generate_series(0, $2::int - 1) card`,
    [HOSTS, CARDS_PER_HOST],
  );
  await database.query(
    `INSERT INTO instances (id, workload_kind, workload_id, current_epoch, state)
     SELECT 'env-bench-' || n || '-' || nth, 'environment', 'env-bench-' || n || '-' || nth, 1, 'ready'
       FROM generate_series(0, $1::int - 1) n, generate_series(0, $2::int - 1) nth`,
    [HOSTS, INSTANCES_PER_HOST],
  );
  // Whose orders they are, and what they cost, no heartbeat asks.
  await database.query("ALTER TABLE placements DROP CONSTRAINT placements_run_id_fkey");
  await database.query(
    `INSERT INTO placements (instance_id, epoch, host_id, run_id, state, spec, spec_hash, cpu_milli, memory_bytes)
     SELECT 'env-bench-' || n || '-' || nth, 1, 'host-' || lpad(n::text, 5, '0'), 'run-bench-' || n || '-' || nth,
            'ready', '{}', repeat('a', 64), 1000, 1
       FROM generate_series(0, $1::int - 1) n, generate_series(0, $2::int - 1) nth`,
    [HOSTS, INSTANCES_PER_HOST],
  );
  await database.close();
}

/** CPU and time from the fleet's word "counting" to its figures. */
async function measure(controlPlane: RunningProcess, order: FleetOrder) {
  const fleet = spawn(process.execPath, [FLEET], { stdio: ["pipe", "pipe", "inherit"] });
  fleet.stdin.end(JSON.stringify(order));
  let begun: { cpuMs: number; ms: number } | null = null;
  for await (const line of createInterface({ input: fleet.stdout })) {
    if (line === "counting") {
      begun = { cpuMs: controlPlane.cpuMs(), ms: performance.now() };
      continue;
    }
    if (begun === null) break;
    return {
      ...FleetFigures.parse(JSON.parse(line)),
      cpuSeconds: (controlPlane.cpuMs() - begun.cpuMs) / MS_PER_SECOND,
      seconds: (performance.now() - begun.ms) / 1_000,
    };
  }
  throw new Error("the fleet ended without figures");
}
