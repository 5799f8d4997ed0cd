/** Where gateways reach hosts. */
import type { Connection } from "../database/database.ts";

export interface HostAddressRow {
  /** As people know it. */
  name: string;
  /** Its own first, then where its operator says that customers reach it. */
  addresses: string[];
  /** Null: its access process has none open, as far as it has told. */
  port: number | null;
}

/** Null for a host that is not, or not any more, of the fleet. */
export async function hostAddress(sql: Connection, hostId: string): Promise<HostAddressRow | null> {
  const { rows } = await sql.query<{
    name: string;
    ip_address: string;
    public_ip: string | null;
    gateway_port: number | null;
  }>(
    `SELECT name, ip_address, public_ip, gateway_port FROM hosts
      WHERE id = $1 AND deleted_at IS NULL AND revoked_at IS NULL`,
    [hostId],
  );
  const host = rows[0];
  if (host === undefined) return null;
  const addresses = [...new Set([host.ip_address, host.public_ip ?? host.ip_address])];
  return { name: host.name, addresses, port: host.gateway_port };
}
