/**
 * Networks of gangs: each start with several instances gets one of its own, which no other has while anything of it is
 * held anywhere. Where none is free, or the others would have to find a host by an address that is not confirmed, it waits.
 */
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { rankName } from "../../../core/instances/desired-set.ts";
import {
  freeNumber,
  GANG_NETWORKS,
  gangNetworks,
  MAX_GANG_RANKS,
  type RankNetwork,
} from "../../../core/training/gang-network.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { setting } from "../../accounts/settings.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { ADDRESS, type AddressRow, peerAddress } from "../../hosts/host-addresses.ts";
import { idOnHosts } from "../../database/values/id-on-hosts.ts";
import type { AcceptedStart } from "./new-placements.ts";
import type { Candidate, Refusal } from "./placement-candidates.ts";
import type { CommitTerms } from "./proposals.ts";

export interface GangPlaces {
  /** The number of its network. */
  number: number;
  /** In the order of the ranks. */
  ranks: readonly RankNetwork[];
}

/** Held by whoever gives numbers away, to the end of the transaction. */
const NUMBERS_LOCK = 8_473_001;

/** Each gang among those accepted gets its own; answers those that cannot have one now. */
export async function giveNetworks(
  sql: Transaction,
  accepted: ReadonlyMap<Candidate, AcceptedStart>,
  { now }: Pick<CommitTerms, "now">,
): Promise<Map<Candidate, Refusal>> {
  const refused = new Map<Candidate, Refusal>();
  const gangs = [...accepted].filter(([, { places }]) => places.length > 1);
  if (gangs.length === 0) return refused;
  await sql.query("SELECT pg_advisory_xact_lock($1)", [NUMBERS_LOCK]);
  const hostIds = gangs.flatMap(([, { places }]) => places.map(({ hostId }) => hostId));
  const [inUse, addresses, port] = await Promise.all([
    numbersInUse(sql),
    addressesOf(sql, hostIds),
    setting(sql, "GANG_UDP_PORT"),
  ]);
  for (const [candidate, start] of gangs) {
    // The old system knew no such bound.
    if (start.places.length > MAX_GANG_RANKS) {
      const detail: Reason = { code: "too-many-instances", params: { max_instances: MAX_GANG_RANKS } };
      refused.set(candidate, { committed: false, reason: "still-held", detail });
      continue;
    }
    // Those on one host have nobody to find.
    const isOfSeveral = new Set(start.places.map(({ hostId }) => hostId)).size > 1;
    const nameless = isOfSeveral
      ? start.places.find(({ hostId }) => addresses.get(hostId) === undefined)
      : undefined;
    const number = freeNumber(inUse, anywhere(`${start.placeable.start.id} ${now.getTime()}`));
    if (nameless !== undefined || number === null) {
      const detail: Reason =
        nameless === undefined
          ? { code: "waiting-for-network", params: { network_count: GANG_NETWORKS } }
          : { code: "waiting-for-confirmed-address", params: { host_id: nameless.hostId } };
      refused.set(candidate, { committed: false, reason: "still-held", detail });
      continue;
    }
    inUse.add(number);
    start.gang = {
      number,
      ranks: gangNetworks(placesOf(start, addresses), { number, udpPort: Number(port) }),
    };
  }
  return refused;
}

function placesOf({ placeable: { start }, places }: AcceptedStart, addresses: ReadonlyMap<string, string>) {
  return places.map(({ hostId }, index) => ({
    name: rankName({ id: idOnHosts(start.id), rank: start.firstRank + index }),
    hostId,
    hostAddress: addresses.get(hostId) ?? "",
  }));
}

/** What was given back lately, also by what a restored database has forgotten, is hardly taken again. */
function anywhere(seed: string): number {
  return Number.parseInt(sha256(seed).slice(0, 8), 16) % GANG_NETWORKS;
}

async function numbersInUse(sql: Connection): Promise<Set<number>> {
  const { rows } = await sql.query<{ number: number }>(
    `SELECT DISTINCT gang_network AS number FROM placements
      WHERE gang_network IS NOT NULL AND resources_released_at IS NULL`,
    [],
  );
  return new Set(rows.map(({ number }) => number));
}

/** Those that other hosts may be told to send to: a host that reports its neighbour's would have them flood that one. */
async function addressesOf(sql: Connection, hostIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await sql.query<{ id: string; address: AddressRow }>(
    `SELECT h.id, ${ADDRESS} AS address FROM hosts h WHERE h.id = ANY($1::text[])`,
    [hostIds],
  );
  return new Map(
    rows.flatMap(({ id, address }) => {
      const peer = peerAddress(address);
      return peer === null ? [] : [[id, peer] as const];
    }),
  );
}
