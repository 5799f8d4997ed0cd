/** Gateways that run: each process keeps a row of its own fresh, by which the API and the hosts know of it. */
import type { Connection } from "../database/database.ts";

/** Rows of processes that ended without a word are kept for a look at what was. */
const FORGOTTEN_AFTER_SECONDS = 86_400;

export interface NewGateway {
  id: string;
  name: string;
  tunnel: { host: string; port: number } | null;
  webBase: string | null;
  now: Date;
}

/** Also where the row was lost: a gateway that runs is there. */
export async function keepGateway(sql: Connection, gateway: NewGateway): Promise<void> {
  await sql.query(
    `INSERT INTO gateways (id, name, tunnel_host, tunnel_port, web_base, started_at, seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, $6)
     ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
    [
      gateway.id,
      gateway.name,
      gateway.tunnel?.host ?? null,
      gateway.tunnel?.port ?? null,
      gateway.webBase,
      gateway.now,
    ],
  );
}

export async function removeGateway(sql: Connection, id: string): Promise<void> {
  await sql.query("DELETE FROM gateways WHERE id = $1", [id]);
}

export async function forgetGateways(sql: Connection, now: Date): Promise<void> {
  await sql.query("DELETE FROM gateways WHERE seen_at < $1::timestamptz - make_interval(secs => $2)", [
    now,
    FORGOTTEN_AFTER_SECONDS,
  ]);
}
