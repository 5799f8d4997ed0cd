/** What a host is told to fetch: the images of its open fetches, with the terms of the orders that wait for them. */
import { type DesiredFetch, type FetchId, MAX_FETCHES_OF_HOST } from "@remotegpu/shared/instance/image-fetch";
import type { Connection } from "../../database/database.ts";
import { FETCHES_IN_TURN, IS_SENT } from "../../workloads/image-fetches.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import { imageRefusals } from "../../hosts/images/image-needs.ts";
import type { RegistryList } from "../../../core/hosts/images/registries.ts";
import { imageTermsOf, type ImageUse } from "../../hosts/images/image-terms.ts";

/** In a fixed order. What may not be fetched any more is left out at once, before the pass that ends it. */
export async function desiredFetches(
  sql: Connection,
  { hostId, ...terms }: { hostId: string; opensKeys: readonly string[]; inForce: Promise<RegistryList> },
): Promise<DesiredFetch[]> {
  const { rows } = await sql.query<ImageUse & { id: FetchId }>(
    `SELECT f.id, f.image, ${safeBigint("o.customer_id")} AS "customerId",
            ${safeBigint("o.workspace_id")} AS "workspaceId"
       FROM ${FETCHES_IN_TURN} JOIN workloads o ON o.kind = f.workload_kind AND o.id = f.workload_id
      WHERE f.host_id = $1 AND ${IS_SENT} ORDER BY f.since, f.id LIMIT $2`,
    [hostId, MAX_FETCHES_OF_HOST],
  );
  const images = rows.map(({ image }) => image);
  const [refusals, termsOf] = await Promise.all([
    terms.inForce.then((list) => imageRefusals(sql, images, list)),
    imageTermsOf(sql, rows, terms),
  ]);
  return rows.flatMap(({ id, image }, index) => {
    const ofOrder = termsOf[index];
    return ofOrder === undefined || refusals[index] !== null ? [] : [{ fetchId: id, image, terms: ofOrder }];
  });
}
