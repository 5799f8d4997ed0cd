/** What is known of where hosts are reached: read as the rule wants it (core/hosts/host-address.ts), and written. */
import { normalAddress, readAddress } from "@remotegpu/shared/values/network-address";
import {
  addressesToDial,
  type AddressEvidence,
  addressForPeople,
  addressVerdict,
  type AddressVerdict,
  readNetworks,
} from "../../core/hosts/host-address.ts";
import type { Connection } from "../database/database.ts";
import { ownMachine, ownNetwork } from "./own-network.ts";

/** A host has an address to each network, and comes by few of them. */
const MOST_SEEN = 4;

/** The address of the host `h`; null where there is none. */
export const ADDRESS = `CASE WHEN h.id IS NOT NULL THEN jsonb_build_object('reported', h.ip_address,
    'publicAddress', h.public_ip, 'seen', h.seen_addresses, 'confirmedAddress', h.confirmed_address,
    'networks', coalesce((SELECT s.value FROM settings s WHERE s.key = 'HOST_NETWORKS'), 'none'),
    'ownNetwork', h.own_network) END`;

/** As ADDRESS reads it. */
export type AddressRow = Omit<AddressEvidence, "isOnThisMachine" | "networks"> & {
  networks: string;
  ownNetwork: string | null;
};

export function verdictOf(row: AddressRow): AddressVerdict {
  return addressVerdict(evidenceOf(row), ownMachine());
}

export function dialledAddresses(row: AddressRow): string[] {
  return addressesToDial(evidenceOf(row), ownMachine());
}

export function peoplesAddress(row: AddressRow): string | null {
  return addressForPeople(evidenceOf(row), ownMachine());
}

/** Where other hosts send a gang's packets: IPv4 alone, and never a loopback, which is each host's own. */
export function peerAddress(row: AddressRow): string | null {
  const address = readAddress(row.reported);
  if (address === null || address.use !== "machine" || address.text.includes(":")) return null;
  return verdictOf(row).isConfirmed ? address.text : null;
}

/** Hosts, with their names, to which no others are told to send. */
export async function hostsAlone(sql: Connection): Promise<Map<string, string>> {
  const { rows } = await sql.query<{ id: string; name: string; address: AddressRow }>(
    `SELECT h.id, h.name, ${ADDRESS} AS address FROM hosts h
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection <> 'never' ORDER BY h.id`,
    [],
  );
  return new Map(
    rows.flatMap(({ id, name, address }) => (peerAddress(address) === null ? [[id, name]] : [])),
  );
}

export function isOnThisMachine({ ownNetwork: network }: Pick<AddressRow, "ownNetwork">): boolean {
  return network !== null && network === ownNetwork();
}

function evidenceOf({ ownNetwork: network, networks, ...row }: AddressRow): AddressEvidence {
  return {
    ...row,
    networks: networksOf(networks),
    isOnThisMachine: isOnThisMachine({ ownNetwork: network }),
  };
}

let lastRead: { value: string; networks: readonly string[] } = { value: "none", networks: [] };

/** The networks are parsed once: of thousands of rows all have the same. */
function networksOf(value: string): readonly string[] {
  if (lastRead.value !== value) lastRead = { value, networks: readNetworks(value) ?? [] };
  return lastRead.networks;
}

/** A connection that the host's own key opened came from there. Written only where that is new. */
export async function noteConnection(
  sql: Connection,
  { hostId, address }: { hostId: string; address: string },
): Promise<void> {
  await sql.change(
    `UPDATE hosts SET seen_addresses = (ARRAY[$2::text] || array_remove(seen_addresses, $2::text))[1:${MOST_SEEN}]
      WHERE id = $1 AND seen_addresses[1] IS DISTINCT FROM $2::text`,
    [hostId, normalAddress(address)],
  );
}

/** @param address the one that the host reports, in its one spelling; null: nothing is confirmed any more */
export async function confirmAddress(
  sql: Connection,
  { hostId, address }: { hostId: string; address: string | null },
): Promise<void> {
  await sql.change("UPDATE hosts SET confirmed_address = $2 WHERE id = $1", [hostId, address]);
}

/** Its agent runs on this machine, with this process' loopback. False where there is no such host. */
export async function noteOnThisMachine(sql: Connection, hostId: string): Promise<boolean> {
  const { rowCount } = await sql.change(
    "UPDATE hosts SET own_network = $2 WHERE id = $1 AND deleted_at IS NULL",
    [hostId, ownNetwork()],
  );
  return rowCount === 1;
}
