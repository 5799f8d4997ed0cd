/** Which images hosts say that they have. Whoever places prefers such a host, and is wrong at the cost of a pull. */
import type { Connection } from "../database.ts";

/** A row that says the same is left as it is: most reports change nothing here. */
export async function putHostImages(
  sql: Connection,
  { hostId, images }: { hostId: string; images: readonly string[] },
): Promise<void> {
  await sql.query(
    `INSERT INTO host_images AS i (host_id, images) VALUES ($1, $2)
     ON CONFLICT (host_id) DO UPDATE SET images = EXCLUDED.images WHERE i.images IS DISTINCT FROM EXCLUDED.images`,
    [hostId, images],
  );
}
