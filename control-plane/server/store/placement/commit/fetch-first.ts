/**
 * Orders that get a fetch in place of their place: the same customer's last start with this image held a card while the
 * image did not come. Deleting and ordering again, or another host without the image, holds no second one: the host that
 * was chosen fetches the image first, and who may have the card meanwhile is open.
 */
import { canonicalImageName } from "@remotegpu/shared/values/image-name";
import { fetchReason, hasRoomForFetch, HELD_AGAIN_AFTER_MS } from "../../../core/hosts/images/image-fetch.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { FOLLOWS_FETCHES } from "../../hosts/host-features.ts";
import { raiseGeneration } from "../../hosts/hosts.ts";
import { fetchCounts, orderFetch } from "../../workloads/image-fetches.ts";
import type { Candidate, Refusal } from "./placement-candidates.ts";
import type { CommitTerms } from "./proposals.ts";

/** The orders that could be placed now; their hosts are held. What the others keep is not affected. */
export async function fetchFirst(
  sql: Transaction,
  candidates: readonly Candidate[],
  { now, newId, hasHeldInVain }: CommitTerms & { hasHeldInVain: HeldInVain },
): Promise<Map<Candidate, Refusal>> {
  const refused = new Map<Candidate, Refusal>();
  for (const candidate of candidates) {
    const { placeable, instances, start } = candidate;
    const { payerId, image } = placeable.order;
    const hostId = instances[0]?.hostId;
    // A gang fetches on all of its hosts at once, while it is held.
    if (hostId === undefined || instances.length > 1 || !hasHeldInVain(payerId, image)) continue;
    const host = await fetchingHost(sql, hostId, payerId);
    const canonical = canonicalImageName(image);
    if (host === null || host.images.some((name) => canonicalImageName(name) === canonical)) continue;
    await orderFetch(sql, { id: newId("fetch"), start, hostId, image, payerId, now });
    await raiseGeneration(sql, hostId);
    const detail = fetchReason(host.name, null, false);
    refused.set(candidate, { committed: false, reason: "image-first", detail, hostId });
  }
  return refused;
}

/** Whether a customer had a place for an image lately that ended before it began, with the image still to come. */
export type HeldInVain = (payerId: number, image: string) => boolean;

export async function heldInVain(
  sql: Connection,
  requested: readonly Candidate[],
  now: Date,
): Promise<HeldInVain> {
  if (requested.length === 0) return () => false;
  const { rows } = await sql.query<{ payer_id: number; image: string }>(
    `SELECT DISTINCT r.customer_id AS payer_id, p.spec ->> 'image' AS image
       FROM placements p JOIN runs r ON r.id = p.run_id
      WHERE p.waited_for_image_at > $2 AND p.want <> 'running' AND r.customer_id = ANY($1::bigint[])
        AND r.first_proven_at IS NULL`,
    [
      [...new Set(requested.map(({ placeable }) => placeable.order.payerId))],
      new Date(now.getTime() - HELD_AGAIN_AFTER_MS),
    ],
  );
  const held = new Set(rows.map(({ payer_id, image }) => `${payer_id} ${canonicalImageName(image)}`));
  return (payerId, image) => held.has(`${payerId} ${canonicalImageName(image)}`);
}

/** Null where it follows no fetches, or can be told of no more. */
async function fetchingHost(
  sql: Connection,
  hostId: string,
  payerId: number,
): Promise<{ name: string; images: string[] } | null> {
  const { rows } = await sql.query<{
    name: string;
    images: string[];
    fetches_of_host: number;
    fetches_of_customer: number;
  }>(
    `SELECT h.name, coalesce(to_jsonb(i.images), '[]') AS images,
            ${fetchCounts("$2")}
       FROM hosts h LEFT JOIN host_images i ON i.host_id = h.id WHERE h.id = $1 AND ${FOLLOWS_FETCHES}`,
    [hostId, payerId],
  );
  const [row] = rows;
  if (row === undefined) return null;
  const { fetches_of_host: fetchesOfHost, fetches_of_customer: fetchesOfCustomer } = row;
  return hasRoomForFetch({ fetchesOfHost, fetchesOfCustomer }) ? row : null;
}
