/** What a host is told to fetch: the images of its open fetches, with the terms of the orders that wait for them. */
import { type DesiredFetch, type FetchId, MAX_FETCHES_OF_HOST } from "@remotegpu/shared/image-fetch";
import type { Connection } from "../database.ts";
import { safeBigint } from "../old-values.ts";
import { imageTermsOf, type ImageUse } from "../registries/image-terms.ts";

/** In a fixed order. */
export async function desiredFetches(
  sql: Connection,
  { hostId, sealedBy }: { hostId: string; sealedBy: string },
): Promise<DesiredFetch[]> {
  const { rows } = await sql.query<ImageUse & { id: FetchId }>(
    `SELECT f.id, f.image, ${safeBigint("e.customer_id")} AS "customerId",
            ${safeBigint("e.workspace_id")} AS "workspaceId"
       FROM image_fetches f JOIN environments e ON f.workload_kind = 'environment' AND e.id = f.workload_id
      WHERE f.host_id = $1 AND f.ended_at IS NULL ORDER BY f.since, f.id LIMIT $2`,
    [hostId, MAX_FETCHES_OF_HOST],
  );
  const terms = await imageTermsOf(sql, rows, { sealedBy });
  return rows.flatMap(({ id, image }, index) => {
    const ofOrder = terms[index];
    return ofOrder === undefined ? [] : [{ fetchId: id, image, terms: ofOrder }];
  });
}
