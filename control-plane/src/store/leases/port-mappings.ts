/**
 * The public side of leases: a row of port_mappings for each port that a host has bound, and the mirrors on the
 * environment. Rows of the old system have no lease_id; what becomes of them is old-workloads.ts.
 */
import type { Connection } from "../database.ts";

export interface BoundPort {
  leaseId: string;
  environmentId: string;
  hostId: string;
  service: string;
  internalPort: number;
  externalPort: number;
  autoReleaseHours: number;
  generation: number;
  lastAccessedAt: Date | null;
}

/** Another lease that has this number of the host, as far as we know. */
export async function ownerOfPort(
  sql: Connection,
  { hostId, externalPort, leaseId }: Pick<BoundPort, "hostId" | "externalPort" | "leaseId">,
): Promise<{ env_id: string; lease_id: string | null } | null> {
  const { rows } = await sql.query<{ env_id: string; lease_id: string | null }>(
    `SELECT env_id, lease_id FROM port_mappings
      WHERE host_id = $1 AND external_port = $2 AND status IS DISTINCT FROM 'released' AND lease_id IS DISTINCT FROM $3`,
    [hostId, externalPort, leaseId],
  );
  return rows[0] ?? null;
}

/** The number has no other owner, and the host's row is locked: nobody else writes of its ports. */
export async function putMapping(sql: Connection, bound: BoundPort, now: Date): Promise<void> {
  const { rowCount } = await sql.query(
    `UPDATE port_mappings SET external_port = $3, last_accessed_at = $4, generation = $5
      WHERE env_id = $1 AND lease_id = $2 AND status = 'active'`,
    [bound.environmentId, bound.leaseId, bound.externalPort, bound.lastAccessedAt, bound.generation],
  );
  if (rowCount > 0) return;
  await sql.query(
    `INSERT INTO port_mappings (env_id, service_type, external_port, internal_port, status, allocated_at, host_id,
            lease_id, generation, auto_release_hours, last_accessed_at)
     VALUES ($1, $2, $3, $4, 'active', $5, $6, $7, $8, $9, $10)`,
    [
      bound.environmentId,
      bound.service,
      bound.externalPort,
      bound.internalPort,
      now,
      bound.hostId,
      bound.leaseId,
      bound.generation,
      bound.autoReleaseHours,
      bound.lastAccessedAt,
    ],
  );
}

export async function releaseMapping(
  sql: Connection,
  { environmentId, leaseId }: { environmentId: string; leaseId: string },
  now: Date,
): Promise<void> {
  await sql.query(
    `UPDATE port_mappings SET status = 'released', released_at = $3
      WHERE env_id = $1 AND lease_id = $2 AND status = 'active'`,
    [environmentId, leaseId, now],
  );
}

/** SQL: the ports that `environment` (an id) holds for its services now, as ssh, rdp, jupyter and tensorboard. */
export const mirroredPorts = (environment: string) => `
  SELECT ${["ssh", "rdp", "jupyter", "tensorboard"]
    .map((service) => `max(p.external_port) FILTER (WHERE p.service_type = '${service}') AS ${service}`)
    .join(", ")}
    FROM port_mappings p JOIN lease_orders o ON o.id = p.lease_id AND o.want = 'held' AND o.ended_at IS NULL
   WHERE p.env_id = ${environment} AND p.status = 'active'`;

/** The environment's port columns show the leases that are wanted and bound, and nothing else. */
export async function mirrorPorts(sql: Connection, environmentId: string): Promise<void> {
  await sql.query(
    `UPDATE environments e SET ssh_port = live.ssh, rdp_port = live.rdp, jupyter_port = live.jupyter,
            tensorboard_port = live.tensorboard
       FROM (${mirroredPorts("$1")}) live
      WHERE e.id = $1 AND (e.ssh_port, e.rdp_port, e.jupyter_port, e.tensorboard_port)
            IS DISTINCT FROM (live.ssh, live.rdp, live.jupyter, live.tensorboard)`,
    [environmentId],
  );
}
