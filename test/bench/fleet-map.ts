/** `GET /fleet/map` of 200 hosts with 8 cards each, most of them held, against writing the same answer out as JSON. */
import type { Database } from "@remotegpu/control-plane/store/database/database";
import { type ApiWorld, openApi } from "../support/http/api.ts";
import { sceneDatabase } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";

const HOSTS = 200;
const CARDS = 8;
const ASKED = 300;

export async function measureFleetMap(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const api = await openApi({}, await sceneDatabase(ending));
  ending.defer(() => api.close());
  await makeFleet(api.db, api.admin.customerId);

  const asked: number[] = [];
  const bare: number[] = [];
  for (let nth = 0; nth < ASKED; nth += 1) {
    const startedMs = performance.now();
    const answer = await mapOf(api);
    asked.push(performance.now() - startedMs);
    const content: unknown = JSON.parse(answer);
    const bareMs = performance.now();
    JSON.stringify(content);
    bare.push(performance.now() - bareMs);
  }
  say(headLine(`GET /fleet/map, ${HOSTS} hosts with ${CARDS} cards each, ${ASKED} times`));
  say(ratioLine("p95 to p95 of writing the answer as JSON", [{ ours: p95(asked), bare: p95(bare) }]));
  say(
    valuesLine(
      "an answer",
      asked.map((ms) => ms * 1_000),
      "µs",
    ),
  );
  say(valuesLine("p95", [p95(asked) * 1_000], "µs"));
}

async function mapOf({ app, admin }: ApiWorld): Promise<string> {
  const answer = await app.request("/api/v1/fleet/map", {
    headers: { Authorization: `Bearer ${admin.key}` },
  });
  if (answer.status !== 200) throw new Error(`the map got ${answer.status}`);
  return await answer.text();
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? 0;
}

/** Every card but each tenth is held by an environment that runs and is paid by the minute. */
export async function makeFleet(database: Database, customerId: number, hosts = HOSTS): Promise<void> {
  const card =
    "SELECT h, c, 'GPU-' || h || '-' || c AS uuid, 'host-' || lpad(h::text, 5, '0') AS host, 'env-' || h || '-' || c AS env";
  const cards = `(${card} FROM generate_series(1, ${hosts}) h, generate_series(0, ${CARDS - 1}) c) x`;
  const held = `${cards} WHERE (h * ${CARDS} + c) % 10 <> 0`;
  for (const statement of [
    `INSERT INTO hosts (id, name, ip_address, connection, status, last_heartbeat, labels)
     SELECT DISTINCT host, host, '10.0.0.1', 'connected', 'online', now(), '{"rack": "r1"}'::jsonb FROM ${cards}`,
    `INSERT INTO host_journals (host_id, journal_id, watermark, head_seq) SELECT id, gen_random_uuid(), 10, 12 FROM hosts`,
    `INSERT INTO gpus (host_id, gpu_index, uuid, name, memory_total, memory_used_mib, utilization_percent, temperature_c,
       power_w, health_status, last_seen_at, pci_bus_id, sharing_mode)
     SELECT host, c, uuid, 'NVIDIA H100 80GB HBM3', 85899345920, 40000, 97, 61, 640.5, 'healthy', now(),
            '00000000:' || lpad(to_hex(16 + c), 2, '0') || ':00.0', 'exclusive' FROM ${cards}`,
    `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory, gpu)
     SELECT env, ${customerId}, 'work of ' || env, 'busybox', 'running', 4, 8589934592, 1 FROM ${held}`,
    `INSERT INTO instances (id, workload_kind, workload_id, state, current_epoch, known_epoch)
     SELECT env, 'environment', env, 'ready', 1, 1 FROM ${held}`,
    `INSERT INTO placements (instance_id, epoch, host_id, spec, spec_hash, cpu_milli, memory_bytes)
     SELECT env, 1, host, '{}', 'x', 4000, 8589934592 FROM ${held}`,
    `INSERT INTO gpu_allocations (gpu_uuid, mode, instance_id, epoch) SELECT uuid, 'exclusive', env, 1 FROM ${held}`,
    `INSERT INTO runs (id, customer_id, instance_id, epoch, host_id, resource_type, resource_id, spec, first_proven_at, proven_ms, uncharged)
     SELECT 'run-' || env, ${customerId}, env, 1, host, 'environment', env, 'default', now(), 600000, true FROM ${held}`,
    `INSERT INTO run_lines (run_id, line, unit_price, quantity, billing_unit)
     SELECT 'run-' || env, line, 0.5, 1, 'hour' FROM ${cards}, unnest(ARRAY['cpu', 'gpu', 'memory']) line
      WHERE (h * ${CARDS} + c) % 10 <> 0`,
    "ANALYZE",
  ])
    await database.query(statement);
}
