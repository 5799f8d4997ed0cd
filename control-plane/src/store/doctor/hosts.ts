/** Which hosts are not reached where they say they are: nothing broken, but the operator's to know. */
import type { Connection } from "../database/database.ts";
import { ADDRESS, type AddressRow, verdictOf } from "../hosts/host-addresses.ts";
import { type Found, MAX_LISTED, type Question } from "./question.ts";

export const HOST_QUESTIONS: readonly Question[] = [
  {
    check: "host-addresses-are-confirmed",
    claim: "Nobody is sent to an address only because a host reports it.",
    ask: unconfirmedHosts,
  },
];

const WHAT_TO_DO =
  "Gateways reach these hosts by what the hosts dial, customers get no address of their ports, and jobs over several hosts go elsewhere. Where that is not meant: `remotegpu host confirm-address`, or HOST_NETWORKS; behind a proxy, TRUSTED_PROXIES.";

async function unconfirmedHosts(sql: Connection): Promise<Found> {
  const { rows } = await sql.query<{ id: string; name: string; address: AddressRow }>(
    `SELECT h.id, h.name, ${ADDRESS} AS address FROM hosts h
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection <> 'never' ORDER BY h.id`,
    [],
  );
  const unconfirmed = rows.flatMap(({ id, name, address }) => {
    const verdict = verdictOf(address);
    return verdict.isConfirmed ? [] : [`Host ${name} (${id}): ${verdict.sentence}`];
  });
  if (unconfirmed.length === 0) return { count: 0, findings: [] };
  const more = unconfirmed.length - MAX_LISTED;
  const notes = [...unconfirmed.slice(0, MAX_LISTED), ...(more > 0 ? [`And ${more} more.`] : []), WHAT_TO_DO];
  return { count: 0, findings: [], notes };
}
