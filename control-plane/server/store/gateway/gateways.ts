/** Gateways that run: each process keeps a row of its own fresh, by which the API and the hosts know of it. */
import type { Connection } from "../database/database.ts";

/** One that was not seen for so long is none any more, whatever its row says. */
const GATEWAY_LIVES_SECONDS = 60;
/**
 * Whether the gateway `g` runs.
 * @param now the parameter that says when this is
 */
export const isLive = (now: string) =>
  `g.seen_at > ${now}::timestamptz - interval '${GATEWAY_LIVES_SECONDS} seconds'`;
/**
 * A gateway tells each second what it has of services. One that is silent for so long while another tells has ended without
 * a word, or is cut off; while none tells, it is Postgres that was away.
 */
const SILENT_SECONDS = 15;
/** Whether the gateway `g` runs, and can report what it has of services. */
export const servesNow = (now: string) =>
  `g.service_base IS NOT NULL AND ${isLive(now)} AND NOT EXISTS (
     SELECT FROM gateway_reports silent WHERE silent.gateway_id = g.id
        AND silent.reported_at < (SELECT max(reported_at) FROM gateway_reports) - interval '${SILENT_SECONDS} seconds')`;
/** Rows of processes that ended without a word are kept for a look at what was. */
const FORGOTTEN_AFTER_SECONDS = 86_400;

export interface NewGateway {
  id: string;
  name: string;
  tunnel: { host: string; port: number } | null;
  webBase: string | null;
  serviceBase: string | null;
  serviceDomain: string | null;
  now: Date;
}

/** Also where the row was lost: a gateway that runs is there. */
export async function keepGateway(sql: Connection, gateway: NewGateway): Promise<void> {
  await sql.change(
    `INSERT INTO gateways (id, name, tunnel_host, tunnel_port, web_base, service_base, service_domain, started_at, seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
     ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
    [
      gateway.id,
      gateway.name,
      gateway.tunnel?.host ?? null,
      gateway.tunnel?.port ?? null,
      gateway.webBase,
      gateway.serviceBase,
      gateway.serviceDomain,
      gateway.now,
    ],
  );
}

export async function removeGateway(sql: Connection, id: string): Promise<void> {
  await sql.change("DELETE FROM gateways WHERE id = $1", [id]);
}

export async function forgetGateways(sql: Connection, now: Date): Promise<void> {
  await sql.change("DELETE FROM gateways WHERE seen_at < $1::timestamptz - make_interval(secs => $2)", [
    now,
    FORGOTTEN_AFTER_SECONDS,
  ]);
}

/** Those that run and serve. */
export async function liveGatewayCount(sql: Connection, now: Date): Promise<number> {
  const { rows } = await sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM gateways g WHERE ${servesNow("$1")}`,
    [now],
  );
  return rows[0]?.count ?? 0;
}

/** SQL: of the gateway that began last of those which run; null where none of them has names for services. */
export const LIVE_SERVICE_DOMAIN = `(SELECT g.service_domain FROM gateways g
    WHERE g.service_domain IS NOT NULL AND ${isLive("now()")} ORDER BY g.started_at DESC, g.id LIMIT 1)`;

/** The base of the gateway that began last of those which run; null where none of them has a domain. */
export async function liveWebBase(sql: Connection, now: Date): Promise<string | null> {
  const { rows } = await sql.query<{ web_base: string }>(
    `SELECT g.web_base FROM gateways g WHERE g.web_base IS NOT NULL AND ${isLive("$1")}
      ORDER BY g.started_at DESC, g.id LIMIT 1`,
    [now],
  );
  return rows[0]?.web_base ?? null;
}
