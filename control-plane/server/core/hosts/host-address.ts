/**
 * Where a host is reached. It reports an address, and a host that lies would have gateways and other hosts connect to
 * whomever it likes; so an address counts only once it is confirmed: a connection of the host itself came from it, an
 * administrator says so, or it lies in a network of hosts that the operator lists. Whoever connects to a host, or tells
 * somebody else to, asks here. Pure.
 */
import { reasonOf } from "../reasons/plain-reason.ts";
import type { Reason } from "../reasons/reason.ts";
import {
  isWithin,
  type NetworkAddress,
  normalNetwork,
  readAddress,
} from "@remotegpu/shared/values/network-address";

export const CONFIRMATIONS = ["connection", "administrator", "network", "same-machine"] as const;
type Confirmation = (typeof CONFIRMATIONS)[number];

/** What is known of a host's address. */
export interface AddressEvidence {
  /** As its agent reports it. */
  reported: string;
  /** Where an administrator says that customers reach it: an address or a name. */
  publicAddress: string | null;
  /** From where its authenticated connections came, the latest first. */
  seen: readonly string[];
  /** Which address an administrator has confirmed; null: none. */
  confirmedAddress: string | null;
  /** The networks of hosts, as the operator lists them (HOST_NETWORKS). */
  networks: readonly string[];
  /** Its loopback is ours: the operator has said on this machine that its agent runs here. */
  isOnThisMachine: boolean;
}

/** The machine on which the question is asked. */
export interface OwnMachine {
  /** The addresses of its interfaces. */
  addresses: ReadonlySet<string>;
}

export type AddressVerdict =
  | { isConfirmed: true; by: Confirmation; reason: Reason }
  | { isConfirmed: false; reason: Reason };

const MAX_NETWORKS = 100;
/** A list of networks, as settings hold it; null for what nobody can read. */
export function readNetworks(value: string): string[] | null {
  if (value === "none") return [];
  const networks = value.split(",").map((text) => normalNetwork(text.trim()));
  if (networks.length > MAX_NETWORKS || new Set(networks).size < networks.length) return null;
  return networks.every((network) => network !== null) ? networks : null;
}

/** The verdict on the address that the host reports. The reason is for administrators. */
export function addressVerdict(evidence: AddressEvidence, own: OwnMachine): AddressVerdict {
  return verdictOn(readAddress(evidence.reported), evidence, own);
}

function verdictOn(read: NetworkAddress | null, evidence: AddressEvidence, own: OwnMachine): AddressVerdict {
  if (read === null) return unconfirmed(reasonOf("address-missing"));
  const { text: address, use } = read;
  const refusal = refusalOf(read, evidence, own);
  if (refusal !== null) return unconfirmed({ code: "address-refused", params: { address, why: refusal } });
  if (use === "loopback" || own.addresses.has(address))
    return confirmed("same-machine", { code: "address-of-own-machine", params: { address } });
  if (evidence.seen.includes(address))
    return confirmed("connection", { code: "address-connected-from", params: { address } });
  if (evidence.confirmedAddress === address)
    return confirmed("administrator", { code: "address-confirmed-by-administrator", params: { address } });
  const network = evidence.networks.find((one) => isWithin(address, one));
  if (network !== undefined)
    return confirmed("network", { code: "address-in-host-network", params: { address, network } });
  const [latest] = evidence.seen;
  return unconfirmed(
    latest === undefined
      ? { code: "address-not-seen-yet", params: { address } }
      : { code: "address-other-than-seen", params: { address, seen_address: latest } },
  );
}

/** What may be connected to: addresses, and the name that an administrator gave. Empty where nothing is confirmed. */
export function addressesToDial(evidence: AddressEvidence, own: OwnMachine): string[] {
  const reported = readAddress(evidence.reported);
  const { isConfirmed } = verdictOn(reported, evidence, own);
  return [
    ...new Set([
      ...(isConfirmed && reported !== null ? [reported.text] : []),
      ...(evidence.publicAddress === null
        ? []
        : [publicAddress(evidence.publicAddress, evidence, own)].flat()),
    ]),
  ];
}

/** Where people are sent who connect to a port of the host; null where nothing is confirmed. */
export function addressForPeople(evidence: AddressEvidence, own: OwnMachine): string | null {
  if (evidence.publicAddress !== null) return evidence.publicAddress;
  const reported = readAddress(evidence.reported);
  return verdictOn(reported, evidence, own).isConfirmed ? (reported?.text ?? null) : null;
}

/** A name is checked once it is resolved. */
function publicAddress(text: string, evidence: AddressEvidence, own: OwnMachine): string[] {
  const address = readAddress(text);
  if (address === null) return [text];
  return refusalOf(address, evidence, own) === null ? [address.text] : [];
}

/**
 * Why nobody connects there on a host's account, however it was confirmed; null where it may be. Asked also of what a
 * name resolves to, of that very address to which the connection then goes.
 */
export function whyNeverDialled(
  text: string,
  evidence: Pick<AddressEvidence, "isOnThisMachine">,
  own: OwnMachine,
): Reason | null {
  const address = readAddress(text);
  return address === null ? reasonOf("address-not-ip") : refusalOf(address, evidence, own);
}

function refusalOf(
  { text, use }: NetworkAddress,
  { isOnThisMachine }: Pick<AddressEvidence, "isOnThisMachine">,
  own: OwnMachine,
): Reason | null {
  if (own.addresses.has(text)) return isOnThisMachine ? null : reasonOf("address-of-control-plane");
  switch (use) {
    case "loopback":
      return isOnThisMachine ? null : reasonOf("address-loopback");
    case "link-local":
      return reasonOf("address-link-local");
    case "metadata":
      return reasonOf("address-of-metadata");
    case "nobody":
      return reasonOf("address-of-no-machine");
    case "machine":
      return null;
  }
}

function confirmed(by: Confirmation, reason: Reason): AddressVerdict {
  return { isConfirmed: true, by, reason };
}

function unconfirmed(reason: Reason): AddressVerdict {
  return { isConfirmed: false, reason };
}
