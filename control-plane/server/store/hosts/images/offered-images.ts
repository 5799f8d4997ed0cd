/** Which images are on offer, whatever their registry: an operator who lists one means it for everybody. */
import { canonicalImageName } from "@remotegpu/shared/values/image-name";
import type { Connection } from "../../database/database.ts";

/**
 * Those of them that are, by any spelling of their names: were another spelling of an offered image fetched from its
 * registry, the host would have that one in place of the operator's, and everybody after that.
 */
export async function offeredImages(sql: Connection, images: readonly string[]): Promise<Set<string>> {
  if (images.length === 0) return new Set();
  const { rows } = await sql.query<{ name: string }>(
    "SELECT name FROM images WHERE coalesce(status, 'active') = 'active'",
    [],
  );
  const offered = new Set(rows.map(({ name }) => canonicalImageName(name)));
  return new Set(images.filter((image) => offered.has(canonicalImageName(image))));
}
