/**
 * Leases as they are ordered of hosts: taken, ordered released, ended. An order stays in its host's desired set until
 * the host has said that the lease is released, or is gone itself. Whoever calls has raised the host's generation.
 */
import type { DesiredLease, LeaseService } from "@remotegpu/shared/lease";
import { MAX_LEASES_OF_HOST } from "@remotegpu/shared/lease";
import type { LeaseId } from "@remotegpu/shared/ids";
import type { PortWish, WantedLease } from "../../core/lease-plan.ts";
import type { Connection } from "../database.ts";
import { idOnHosts } from "../environments/id-on-hosts.ts";
import { mirrorPorts } from "./port-mappings.ts";

export interface NewLease extends PortWish {
  id: string;
  environmentId: string;
  hostId: string;
  generation: number;
  actor: string;
  now: Date;
}

/** @throws StoreError (a unique violation) where that port of the environment is wanted already */
export async function insertLeaseOrder(sql: Connection, lease: NewLease): Promise<void> {
  await sql.query(
    `INSERT INTO lease_orders (id, env_id, host_id, service_type, internal_port, auto_release_hours, generation,
            ordered_by, ordered_at, state_changed_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
    [
      lease.id,
      lease.environmentId,
      lease.hostId,
      lease.service,
      lease.internalPort,
      lease.autoReleaseHours,
      lease.generation,
      lease.actor,
      lease.now,
    ],
  );
}

/** How many more leases the host can be told of. Its row is locked by the caller. */
export async function roomForLeases(sql: Connection, hostId: string): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    "SELECT count(*) AS n FROM lease_orders WHERE host_id = $1 AND ended_at IS NULL",
    [hostId],
  );
  return Math.max(0, MAX_LEASES_OF_HOST - (rows[0]?.n ?? 0));
}

/** The leases that the environment is to hold, wherever. Its row is locked by the caller. */
export async function wantedLeases(sql: Connection, environmentId: string): Promise<WantedLease[]> {
  const { rows } = await sql.query<{
    id: string;
    host_id: string;
    service_type: LeaseService;
    internal_port: number;
    auto_release_hours: number;
  }>(
    `SELECT id, host_id, service_type, internal_port, auto_release_hours FROM lease_orders
      WHERE env_id = $1 AND want = 'held' AND ended_at IS NULL ORDER BY ordered_at, id`,
    [environmentId],
  );
  return rows.map((row) => ({
    id: row.id,
    hostId: row.host_id,
    service: row.service_type,
    internalPort: row.internal_port,
    autoReleaseHours: row.auto_release_hours,
  }));
}

/** Ports opened by hand whose release their hosts have not confirmed. */
export async function countClosingPorts(sql: Connection, environmentId: string): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    `SELECT count(*) AS n FROM lease_orders
      WHERE env_id = $1 AND service_type = 'custom' AND want = 'released' AND ended_at IS NULL`,
    [environmentId],
  );
  return rows[0]?.n ?? 0;
}

/** The customer's mirrors forget the port at once; the lease itself is over when the host says so. */
export async function orderRelease(
  sql: Connection,
  {
    environmentId,
    leases,
    generations,
    actor,
  }: {
    environmentId: string;
    leases: readonly { id: string; hostId: string; reason: string }[];
    /** Of each host concerned, as raised for this. */
    generations: ReadonlyMap<string, number>;
    actor: string;
  },
): Promise<void> {
  for (const { id, hostId, reason } of leases)
    await sql.query(
      `UPDATE lease_orders SET want = 'released', released_by = $2, release_reason = $3,
              generation = coalesce($4, generation)
        WHERE id = $1 AND want = 'held' AND ended_at IS NULL`,
      [id, actor, reason, generations.get(hostId) ?? null],
    );
  if (leases.length > 0) await mirrorPorts(sql, [environmentId]);
}

/** What the host is told, in a fixed order. */
export async function desiredLeases(sql: Connection, hostId: string): Promise<DesiredLease[]> {
  const { rows } = await sql.query<{
    id: LeaseId;
    env_id: string;
    service_type: LeaseService;
    internal_port: number;
    auto_release_hours: number;
    want: DesiredLease["want"];
  }>(
    `SELECT id, env_id, service_type, internal_port, auto_release_hours, want FROM lease_orders
      WHERE host_id = $1 AND ended_at IS NULL ORDER BY ordered_at, id LIMIT $2`,
    [hostId, MAX_LEASES_OF_HOST],
  );
  return rows.map((row) => ({
    leaseId: row.id,
    workloadId: idOnHosts(row.env_id),
    service: row.service_type,
    internalPort: row.internal_port,
    autoReleaseHours: row.auto_release_hours,
    want: row.want,
  }));
}
