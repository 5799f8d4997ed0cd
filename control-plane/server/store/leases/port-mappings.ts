/**
 * The public side of leases: a row of port_mappings for each port that a host has bound, and the mirrors on the
 * environment. Rows of the old system have no lease_id; what becomes of them is old-workloads.ts.
 */
import type { LeaseService } from "@remotegpu/shared/instance/lease";
import { PortNumbers } from "../../core/leases/lease-belief.ts";
import type { Connection } from "../database/database.ts";

export interface BoundPort {
  leaseId: string;
  environmentId: string;
  service: LeaseService;
  internalPort: number;
  externalPort: number;
  autoReleaseHours: number;
  generation: number;
  lastAccessedAt: Date | null;
}

/** Which lease has which number of the host, as far as we know. */
export async function portNumbers(sql: Connection, hostId: string): Promise<PortNumbers> {
  const { rows } = await sql.query<{ external_port: number; env_id: string; lease_id: string | null }>(
    `SELECT external_port, env_id, lease_id FROM port_mappings
      WHERE host_id = $1 AND status IS DISTINCT FROM 'released'`,
    [hostId],
  );
  const numbers = new PortNumbers();
  for (const row of rows)
    numbers.take(row.external_port, { leaseId: row.lease_id, environmentId: row.env_id });
  return numbers;
}

/** A host binds a port a moment before that is written here, and counts its time from then: no access is earlier than the row. */
const accessedSince = (allocatedAt: string) =>
  `CASE WHEN "lastAccessedAt" IS NOT NULL THEN greatest("lastAccessedAt", ${allocatedAt}) END`;

/**
 * Rows for ports that are bound: those that are there follow, the others are made. No number has another owner, and
 * the host's row is locked: nobody else writes of its ports.
 */
export async function putMappings(
  sql: Connection,
  hostId: string,
  bound: readonly BoundPort[],
  now: Date,
): Promise<void> {
  if (bound.length === 0) return;
  await sql.change(
    `WITH bound AS (
       SELECT * FROM jsonb_to_recordset($2::jsonb) AS b("leaseId" text, "environmentId" text, service text,
         "internalPort" int, "externalPort" int, "autoReleaseHours" int, generation bigint, "lastAccessedAt" timestamptz)),
     followed AS (
       UPDATE port_mappings p SET last_accessed_at = ${accessedSince("p.allocated_at")}, generation = b.generation
         FROM bound b WHERE p.env_id = b."environmentId" AND p.lease_id = b."leaseId" AND p.status = 'active'
       RETURNING p.lease_id)
     INSERT INTO port_mappings (env_id, service_type, external_port, internal_port, status, allocated_at, host_id,
            lease_id, generation, auto_release_hours, last_accessed_at)
     SELECT "environmentId", service, "externalPort", "internalPort", 'active', $3, $1, "leaseId", generation,
            "autoReleaseHours", ${accessedSince("$3::timestamptz")}
       FROM bound WHERE "leaseId" NOT IN (SELECT lease_id FROM followed) ORDER BY "externalPort"`,
    [hostId, JSON.stringify(bound), now],
  );
}

/** A lease that came back with another number. One by one: the order in which numbers are given up and taken matters. */
export async function moveMapping(
  sql: Connection,
  { environmentId, leaseId, externalPort }: Pick<BoundPort, "environmentId" | "leaseId" | "externalPort">,
): Promise<void> {
  await sql.change(
    `UPDATE port_mappings SET external_port = $3 WHERE env_id = $1 AND lease_id = $2 AND status = 'active'`,
    [environmentId, leaseId, externalPort],
  );
}

export async function releaseMappings(
  sql: Connection,
  { hostId, leaseIds, now }: { hostId: string; leaseIds: readonly string[]; now: Date },
): Promise<void> {
  if (leaseIds.length === 0) return;
  await sql.change(
    `UPDATE port_mappings SET status = 'released', released_at = $3
      WHERE host_id = $1 AND lease_id = ANY($2::text[]) AND status = 'active'`,
    [hostId, leaseIds, now],
  );
}

/** SQL: the ports that `environment` (an id) holds for its services now, as ssh, rdp, jupyter and tensorboard. */
export const mirroredPorts = (environment: string) => `
  SELECT ${["ssh", "rdp", "jupyter", "tensorboard"]
    .map((service) => `max(p.external_port) FILTER (WHERE p.service_type = '${service}') AS ${service}`)
    .join(", ")}
    FROM port_mappings p JOIN lease_orders o ON o.id = p.lease_id AND o.want = 'held' AND o.ended_at IS NULL
   WHERE p.env_id = ${environment} AND p.status = 'active'`;

/** The environments' port columns show the leases that are wanted and bound, and nothing else. */
export async function mirrorPorts(sql: Connection, environmentIds: readonly string[]): Promise<void> {
  if (environmentIds.length === 0) return;
  await sql.change(
    `UPDATE environments e SET ssh_port = live.ssh, rdp_port = live.rdp, jupyter_port = live.jupyter,
            tensorboard_port = live.tensorboard
       FROM unnest($1::text[]) leasing (id) CROSS JOIN LATERAL (${mirroredPorts("leasing.id")}) live
      WHERE e.id = leasing.id AND (e.ssh_port, e.rdp_port, e.jupyter_port, e.tensorboard_port)
            IS DISTINCT FROM (live.ssh, live.rdp, live.jupyter, live.tensorboard)`,
    [[...new Set(environmentIds)].sort()],
  );
}
