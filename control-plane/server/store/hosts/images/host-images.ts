/** Which images hosts say that they have. Whoever places prefers such a host, and is wrong at the cost of a pull. */
import { MAX_HOST_IMAGES } from "@remotegpu/shared/values/image-name";
import { IMAGES_REPORTED_WITHIN_MS } from "../../../core/hosts/images/image-fetch.ts";
import type { Connection } from "../../database/database.ts";

/**
 * A row that says the same is left as it is: most reports change nothing here. A host looks for its images now and then,
 * so what it has just fetched for an order counts as told.
 */
export async function putHostImages(
  sql: Connection,
  { hostId, images, now }: { hostId: string; images: readonly string[]; now: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO host_images AS i (host_id, images)
     SELECT $1::varchar, (ARRAY(SELECT DISTINCT f.image FROM image_fetches f
                        WHERE f.host_id = $1::varchar AND f.outcome = 'present' AND f.ended_at > $3 AND f.image <> ALL($2::varchar[]))
                 || $2::varchar[])[1:$4]
     ON CONFLICT (host_id) DO UPDATE SET images = EXCLUDED.images WHERE i.images IS DISTINCT FROM EXCLUDED.images`,
    [hostId, images, new Date(now.getTime() - IMAGES_REPORTED_WITHIN_MS), MAX_HOST_IMAGES],
  );
}

/** It has this one since just now. */
export async function noteImageOf(
  sql: Connection,
  { hostId, image }: { hostId: string; image: string },
): Promise<void> {
  await sql.change(
    `INSERT INTO host_images AS i (host_id, images) VALUES ($1, ARRAY[$2::varchar])
     ON CONFLICT (host_id) DO UPDATE SET images = (EXCLUDED.images || i.images)[1:$3] WHERE $2 <> ALL(i.images)`,
    [hostId, image, MAX_HOST_IMAGES],
  );
}
