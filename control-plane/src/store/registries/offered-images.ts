/** Which images are on offer, whatever their registry: an operator who lists one means it for everybody. */
import type { Connection } from "../database.ts";

/** Those of them that are. */
export async function offeredImages(sql: Connection, images: readonly string[]): Promise<Set<string>> {
  if (images.length === 0) return new Set();
  const { rows } = await sql.query<{ name: string }>(
    "SELECT name FROM images WHERE name = ANY($1::text[]) AND coalesce(status, 'active') = 'active'",
    [[...new Set(images)]],
  );
  return new Set(rows.map(({ name }) => name));
}
