/** What gateways have of services: each keeps one row of its own, which goes with the gateway's. */
import type { RoutesReport, ServiceReport } from "../../core/gateway/services/gateway-report.ts";
import type { Connection } from "../database/database.ts";
import { servesNow } from "./gateways.ts";

export interface GatewayReport {
  gatewayId: string;
  /** Null: it may have anything, since it has told nothing yet. */
  reported: (RoutesReport & { at: Date }) | null;
}

/** Nothing is written while the gateway has no row. */
export async function writeReport(
  sql: Connection,
  gatewayId: string,
  { asOf, services }: RoutesReport,
): Promise<void> {
  await sql.change(
    `INSERT INTO gateway_reports (gateway_id, routes_as_of, reported_at, services)
     SELECT id, $2, clock_timestamp(), $3 FROM gateways WHERE id = $1
     ON CONFLICT (gateway_id) DO UPDATE SET routes_as_of = excluded.routes_as_of, reported_at = excluded.reported_at,
       services = excluded.services`,
    [gatewayId, asOf, JSON.stringify(services)],
  );
}

/** The reports of the gateways that run and have a web side, of these services. */
export async function gatewayReports(
  sql: Connection,
  serviceIds: readonly string[],
  now: Date,
): Promise<GatewayReport[]> {
  const { rows } = await sql.query<{
    id: string;
    routes_as_of: Date | null;
    reported_at: Date | null;
    services: Record<string, ServiceReport>;
  }>(
    `SELECT g.id, r.routes_as_of, r.reported_at,
            coalesce((SELECT jsonb_object_agg(of.key, of.value) FROM jsonb_each(r.services) of
                       WHERE of.key = ANY($1::text[])), '{}') AS services
       FROM gateways g LEFT JOIN gateway_reports r ON r.gateway_id = g.id
      WHERE ${servesNow("$2")} ORDER BY g.id`,
    [serviceIds, now],
  );
  return rows.map(({ id, routes_as_of: asOf, reported_at: at, services }) => ({
    gatewayId: id,
    reported: asOf === null || at === null ? null : { asOf, at, services },
  }));
}
