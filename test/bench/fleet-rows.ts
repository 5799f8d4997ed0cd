/** A fleet of 200 hosts with 8 cards each as rows alone, most of the cards held. */
import type { Database } from "@remotegpu/control-plane/server/store/database/database";

const HOSTS = 200;
const CARDS = 8;

/** Every card but each tenth is held by an environment that runs and is paid by the minute. */
export async function makeFleet(database: Database, customerId: number): Promise<void> {
  const card =
    "SELECT h, c, 'GPU-' || h || '-' || c AS uuid, 'host-' || lpad(h::text, 5, '0') AS host, 'env-' || h || '-' || c AS env";
  const cards = `(${card} FROM generate_series(1, ${HOSTS}) h, generate_series(0, ${CARDS - 1}) c) x`;
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
