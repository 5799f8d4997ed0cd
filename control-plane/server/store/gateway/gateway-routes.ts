/**
 * How each gateway reaches each host, written by the gateway itself; and which gateways a host is to dial, as part of its
 * desired set. A gateway that was not seen for a minute is none any more, and its ways are taken away by others.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { GatewayRoute } from "../../core/gateway/host-tunnel.ts";
import type { Route } from "../../core/gateway/route.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import {
  reasonColumns,
  reportedDetail,
  storedReasonColumn,
  type StoredReason,
} from "../database/values/reason-columns.ts";
import type { Connection, Database, Transaction } from "../database/database.ts";
import { transaction } from "../database/transaction.ts";
import { lockHosts, raiseGenerations } from "../hosts/hosts.ts";
import { isLive } from "./gateways.ts";
import { ADDRESS, type AddressRow } from "../hosts/host-addresses.ts";
import { type HostAddressRow, whereIs } from "./host-addresses.ts";

/** Whether the agent of the host `h` dials gateways. */
const DIALS = "coalesce('web' = ANY(h.features), false)";

export interface HostToReach extends HostAddressRow {
  id: HostId;
  port: number;
  /** As this gateway has written it; null: it has not. */
  route: Route | null;
  detail: Reason | null;
}

/** Those that are connected and whose access process has a port open. */
export async function hostsToReach(sql: Connection, gatewayId: string): Promise<HostToReach[]> {
  const { rows } = await sql.query<
    Omit<HostToReach, keyof ReturnType<typeof whereIs> | "detail"> & {
      address: AddressRow;
      detail: StoredReason;
    }
  >(
    `SELECT h.id, h.name, ${ADDRESS} AS address, h.gateway_port AS port, w.route,
            ${storedReasonColumn("w", "detail")} AS detail
       FROM hosts h LEFT JOIN gateway_routes w ON w.host_id = h.id AND w.gateway_id = $1
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection IN ('connected', 'suspect')
        AND h.gateway_port IS NOT NULL`,
    [gatewayId],
  );
  return rows.map(({ address, detail, ...host }) => ({
    ...host,
    detail: reportedDetail(detail),
    ...whereIs(address),
  }));
}

/**
 * False where the gateway's own row is gone. Whether the host is to dial it follows from the way: a change of that is a new
 * generation, of which `isChange` tells.
 */
export async function writeRoute(
  db: Database,
  found: { gatewayId: string; hostId: string; route: Route; detail: Reason | null; now: Date },
): Promise<{ isWritten: boolean; isChange: boolean }> {
  const { gatewayId, hostId, route, detail, now } = found;
  return await transaction(db, async (sql) => {
    await lockHosts(sql, [hostId]);
    const { rows } = await sql.query<{ is_there: boolean; was: Route | null }>(
      `SELECT EXISTS (SELECT FROM gateways WHERE id = $1) AS is_there,
              (SELECT route FROM gateway_routes WHERE gateway_id = $1 AND host_id = $2) AS was`,
      [gatewayId, hostId],
    );
    const { is_there: isThere = false, was = null } = rows[0] ?? {};
    if (!isThere) return { isWritten: false, isChange: false };
    const { text, code, params } = reasonColumns(detail);
    await sql.change(
      `INSERT INTO gateway_routes (gateway_id, host_id, route, detail, since, detail_code, detail_params) VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (gateway_id, host_id) DO UPDATE SET route = excluded.route, detail = excluded.detail,
         detail_code = excluded.detail_code, detail_params = excluded.detail_params,
         since = CASE WHEN gateway_routes.route = excluded.route THEN gateway_routes.since ELSE excluded.since END`,
      [gatewayId, hostId, route, text ?? "", now, code, params],
    );
    const isChange = needsDialling(was) !== needsDialling(route);
    if (isChange) await raiseGenerations(sql, [hostId]);
    return { isWritten: true, isChange };
  });
}

const needsDialling = (route: Route | null) => route !== null && route !== "direct";

/** The routes of this gateway, which ends. Returns the hosts that need not dial it any more. */
export async function endRoutes(db: Database, gatewayId: string): Promise<HostId[]> {
  return await transaction(db, async (sql) => {
    const { rows } = await sql.query<RouteRow>(
      "SELECT gateway_id, host_id, route FROM gateway_routes WHERE gateway_id = $1",
      [gatewayId],
    );
    return await drop(sql, rows);
  });
}

/** The routes of gateways that were not seen for a minute. Returns the hosts that need not dial them any more. */
export async function endRoutesOfTheDead(db: Database, now: Date): Promise<HostId[]> {
  return await transaction(db, async (sql) => {
    const { rows } = await sql.query<RouteRow>(
      `SELECT w.gateway_id, w.host_id, w.route FROM gateway_routes w JOIN gateways g ON g.id = w.gateway_id
        WHERE NOT ${isLive("$1")}`,
      [now],
    );
    return await drop(sql, rows);
  });
}

type RouteRow = { gateway_id: string; host_id: HostId; route: Route };

async function drop(sql: Transaction, routes: readonly RouteRow[]): Promise<HostId[]> {
  if (routes.length === 0) return [];
  const hosts = [...new Set(routes.filter(({ route }) => needsDialling(route)).map((row) => row.host_id))];
  await lockHosts(sql, hosts);
  await sql.change("DELETE FROM gateway_routes WHERE gateway_id = ANY($1::text[])", [
    [...new Set(routes.map((row) => row.gateway_id))],
  ]);
  await raiseGenerations(sql, hosts);
  return hosts;
}

/** Which gateways this host is to dial. Each address once, however many processes have had it. */
export async function gatewaysToDial(
  sql: Connection,
  hostId: string,
): Promise<{ name: string; host: string; port: number }[]> {
  const { rows } = await sql.query<{ name: string; host: string; port: number }>(
    `SELECT min(g.name) AS name, g.tunnel_host AS host, g.tunnel_port AS port
       FROM gateway_routes w JOIN gateways g ON g.id = w.gateway_id JOIN hosts h ON h.id = w.host_id
      WHERE w.host_id = $1 AND w.route <> 'direct' AND g.tunnel_host IS NOT NULL AND ${DIALS}
      GROUP BY g.tunnel_host, g.tunnel_port ORDER BY g.tunnel_host, g.tunnel_port LIMIT 64`,
    [hostId],
  );
  return rows;
}

/** By host, of the gateways that run. */
export async function routesOfHosts(
  sql: Connection,
  { hostIds, now }: { hostIds: readonly string[]; now: Date },
): Promise<Map<string, GatewayRoute[]>> {
  if (hostIds.length === 0) return new Map();
  const { rows } = await sql.query<{ host_id: string; name: string; route: Route; detail: StoredReason }>(
    `SELECT w.host_id, g.name, w.route, ${storedReasonColumn("w", "detail")} AS detail FROM gateway_routes w JOIN gateways g ON g.id = w.gateway_id
      WHERE w.host_id = ANY($1::text[]) AND ${isLive("$2")} ORDER BY w.host_id, g.name, g.id`,
    [hostIds, now],
  );
  const routes = Map.groupBy(rows, (row) => row.host_id);
  return new Map(
    [...routes].map(([hostId, of]) => [
      hostId,
      of.map(({ name, route, detail }) => ({ gatewayName: name, route, detail: reportedDetail(detail) })),
    ]),
  );
}

/** The hosts among these that are not, or not any more, of the fleet. */
export async function shutOut(sql: Connection, hostIds: readonly HostId[]): Promise<HostId[]> {
  if (hostIds.length === 0) return [];
  const { rows } = await sql.query<{ id: HostId }>(
    `SELECT id FROM unnest($1::text[]) AS asked (id)
      WHERE NOT EXISTS (SELECT FROM hosts h WHERE h.id = asked.id AND h.deleted_at IS NULL AND h.revoked_at IS NULL)`,
    [hostIds],
  );
  return rows.map(({ id }) => id);
}
