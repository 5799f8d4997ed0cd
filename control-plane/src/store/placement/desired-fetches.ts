/** What a host is told to fetch: the images of its open fetches, with the terms of the orders that wait for them. */
import {
  type DesiredFetch,
  type FetchId,
  type ImageTerms,
  MAX_FETCHES_OF_HOST,
} from "@remotegpu/shared/image-fetch";
import { LIVE } from "../accounts/workspaces.ts";
import type { Connection } from "../database.ts";
import { safeBigint } from "../old-values.ts";

/** In a fixed order. */
export async function desiredFetches(sql: Connection, hostId: string): Promise<DesiredFetch[]> {
  const { rows } = await sql.query<ImageOrder & { id: FetchId }>(
    `SELECT f.id, f.image, ${safeBigint("e.customer_id")} AS "customerId", w.id AS "workspaceId",
            ${safeBigint("coalesce(w.owner_id, e.customer_id)")} AS "payerId"
       FROM image_fetches f JOIN environments e ON f.workload_kind = 'environment' AND e.id = f.workload_id
       LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
      WHERE f.host_id = $1 AND f.ended_at IS NULL ORDER BY f.since, f.id LIMIT $2`,
    [hostId, MAX_FETCHES_OF_HOST],
  );
  const terms = await imageTermsOf(sql, rows);
  return rows.flatMap(({ id, image }, index) => {
    const ofOrder = terms[index];
    return ofOrder === undefined ? [] : [{ fetchId: id, image, terms: ofOrder }];
  });
}

export interface ImageOrder {
  /** Null outside of every workspace that is there. */
  workspaceId: number | null;
  customerId: number;
  payerId: number;
  image: string;
}

/** Of each order, in their order: how its host may have the image. */
function imageTermsOf(_sql: Connection, orders: readonly ImageOrder[]): Promise<ImageTerms[]> {
  return Promise.resolve(
    orders.map(({ payerId }) => ({
      owner: String(payerId),
      credential: null,
      isOffered: false,
      mayBePrivate: false,
    })),
  );
}
