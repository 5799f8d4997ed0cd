/** Where gateways reach hosts. */
import type { Connection } from "../database/database.ts";
import { ADDRESS, type AddressRow, dialledAddresses, isOnThisMachine } from "../hosts/host-addresses.ts";

export interface HostAddressRow {
  /** As people know it. */
  name: string;
  /** Its own where it is confirmed, and where its operator says that customers reach it, which may be a name. */
  addresses: string[];
  /** So that its loopback and its addresses are ours. */
  isOnThisMachine: boolean;
  /** Null: its access process has none open, as far as it has told. */
  port: number | null;
}

/** Null for a host that is not, or not any more, of the fleet. */
export async function hostAddress(sql: Connection, hostId: string): Promise<HostAddressRow | null> {
  const { rows } = await sql.query<{ name: string; address: AddressRow; gateway_port: number | null }>(
    `SELECT h.name, ${ADDRESS} AS address, h.gateway_port FROM hosts h
      WHERE h.id = $1 AND h.deleted_at IS NULL AND h.revoked_at IS NULL`,
    [hostId],
  );
  const host = rows[0];
  if (host === undefined) return null;
  return { name: host.name, port: host.gateway_port, ...whereIs(host.address) };
}

export function whereIs(address: AddressRow): Pick<HostAddressRow, "addresses" | "isOnThisMachine"> {
  return { addresses: dialledAddresses(address), isOnThisMachine: isOnThisMachine(address) };
}
