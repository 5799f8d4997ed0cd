/**
 * Leases as they are ordered of hosts: taken, ordered released, ended. An order stays in its host's desired set until
 * the host has said that the lease is released, or is gone itself. Whoever calls has raised the host's generation.
 */
import type { DesiredLease, LeaseService } from "@remotegpu/shared/instance/lease";
import { MAX_LEASES_OF_HOST } from "@remotegpu/shared/instance/lease";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { PortRequest, WantedLease } from "../../core/leases/lease-plan.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { reasonLists } from "../database/values/reason-columns.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { mirrorPorts } from "./port-mappings.ts";

export interface NewLease extends PortRequest {
  id: string;
  environmentId: string;
  hostId: string;
  generation: number;
  actor: string;
  now: Date;
}

/** @throws StoreError (a unique violation) where such a port of the environment is wanted already */
export async function insertLeaseOrders(sql: Connection, leases: readonly NewLease[]): Promise<void> {
  if (leases.length === 0) return;
  await sql.change(
    `INSERT INTO lease_orders (id, env_id, host_id, service_type, internal_port, auto_release_hours, generation,
            ordered_by, ordered_at, state_changed_at)
     SELECT o.*, o.ordered_at
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[], $7::bigint[], $8::text[],
                   $9::timestamptz[]) AS o(id, env_id, host_id, service_type, internal_port, auto_release_hours,
                   generation, ordered_by, ordered_at) RETURNING id`,
    [
      leases.map((lease) => lease.id),
      leases.map((lease) => lease.environmentId),
      leases.map((lease) => lease.hostId),
      leases.map((lease) => lease.service),
      leases.map((lease) => lease.internalPort),
      leases.map((lease) => lease.autoReleaseHours),
      leases.map((lease) => lease.generation),
      leases.map((lease) => lease.actor),
      leases.map((lease) => lease.now),
    ],
    { makes: "port-order" },
  );
}

/** How many more leases each host can be told of. Their rows are locked by the caller. */
export async function roomForLeases(
  sql: Connection,
  hostIds: readonly string[],
): Promise<Map<string, number>> {
  if (hostIds.length === 0) return new Map();
  const { rows } = await sql.query<{ host_id: string; n: number }>(
    `SELECT host_id, count(*) AS n FROM lease_orders
      WHERE host_id = ANY($1::text[]) AND ended_at IS NULL GROUP BY host_id`,
    [[...new Set(hostIds)]],
  );
  const held = new Map(rows.map(({ host_id, n }) => [host_id, n]));
  return new Map(hostIds.map((id) => [id, Math.max(0, MAX_LEASES_OF_HOST - (held.get(id) ?? 0))]));
}

/** The leases that the environment is to hold, wherever. Its row is locked by the caller. */
export async function wantedLeases(sql: Connection, environmentId: string): Promise<WantedLease[]> {
  return (await wantedLeasesOf(sql, [environmentId])).get(environmentId) ?? [];
}

/** The same of several; those without any are left out. */
export async function wantedLeasesOf(
  sql: Connection,
  environmentIds: readonly string[],
): Promise<Map<string, WantedLease[]>> {
  const { rows } = await sql.query<WantedRow & { env_id: string }>(
    `SELECT id, env_id, host_id, service_type, internal_port, auto_release_hours FROM lease_orders
      WHERE env_id = ANY($1::text[]) AND want = 'held' AND ended_at IS NULL ORDER BY ordered_at, id`,
    [environmentIds],
  );
  const byEnvironment = Map.groupBy(rows, ({ env_id }) => env_id);
  return new Map(
    [...byEnvironment].map(([environmentId, leases]) => [environmentId, leases.map(wantedLease)]),
  );
}

interface WantedRow {
  id: string;
  host_id: string;
  service_type: LeaseService;
  internal_port: number;
  auto_release_hours: number;
}

function wantedLease(row: WantedRow): WantedLease {
  return {
    id: row.id,
    hostId: row.host_id,
    service: row.service_type,
    internalPort: row.internal_port,
    autoReleaseHours: row.auto_release_hours,
  };
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
    ...order
  }: {
    environmentId: string;
    leases: readonly { id: string; hostId: string; reason: Reason }[];
    /** The generation of each host concerned, as raised for this. */
    generations: ReadonlyMap<string, number>;
    actor: string;
  },
): Promise<void> {
  await orderReleases(sql, { leases: leases.map((lease) => ({ ...lease, environmentId })), ...order });
}

/** The same for several environments. */
export async function orderReleases(
  sql: Connection,
  {
    leases,
    generations,
    actor,
  }: {
    leases: readonly { id: string; environmentId: string; hostId: string; reason: Reason }[];
    generations: ReadonlyMap<string, number>;
    actor: string;
  },
): Promise<void> {
  if (leases.length === 0) return;
  const { texts, codes, params } = reasonLists(leases.map(({ reason }) => reason));
  await sql.change(
    `UPDATE lease_orders o SET want = 'released', released_by = $4, release_reason = r.reason, release_reason_code = r.code,
            release_reason_params = r.params, generation = coalesce(r.generation, o.generation)
       FROM unnest($1::text[], $2::text[], $3::bigint[], $5::text[], $6::jsonb[])
         AS r(id, reason, generation, code, params)
      WHERE o.id = r.id AND o.want = 'held' AND o.ended_at IS NULL`,
    [
      leases.map(({ id }) => id),
      texts,
      leases.map(({ hostId }) => generations.get(hostId) ?? null),
      actor,
      codes,
      params,
    ],
  );
  await mirrorPorts(sql, [...new Set(leases.map(({ environmentId }) => environmentId))]);
}

/** From now on; a host sees to it that nobody loses a port unwarned by it. */
export async function setAutoRelease(
  sql: Transaction,
  {
    leaseIds,
    hours,
    generations,
  }: { leaseIds: readonly string[]; hours: number; generations: ReadonlyMap<string, number> },
): Promise<void> {
  await sql.change(
    `UPDATE lease_orders o SET auto_release_hours = $2, generation = g.generation
       FROM unnest($3::text[], $4::bigint[]) AS g(host_id, generation)
      WHERE o.id = ANY($1::text[]) AND o.host_id = g.host_id`,
    [leaseIds, hours, [...generations.keys()], [...generations.values()]],
  );
  await sql.change("UPDATE port_mappings SET auto_release_hours = $2 WHERE lease_id = ANY($1::text[])", [
    leaseIds,
    hours,
  ]);
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
