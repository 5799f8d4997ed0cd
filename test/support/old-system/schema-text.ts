/** A schema as text, the same whatever a database's own settings are. */
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { schemaSnapshot } from "@remotegpu/control-plane/server/store/schema-snapshot";
import { readingText } from "./rows-as-text.ts";

export async function schemaText(database: Database): Promise<string> {
  return await readingText(database, schemaSnapshot);
}

/**
 * Without the order of each table's columns, which does not count: an upgraded table has them in the order in which
 * it got them.
 */
export function orderFree(snapshot: string): string {
  const parts = snapshot.split("\n\n").map((part) => {
    const lines = part.split("\n");
    const end = lines.indexOf(");");
    if (!part.startsWith("CREATE TABLE ") || end < 0) return part;
    const columns = lines.slice(1, end).map((line) => line.replace(/,$/, ""));
    return [lines[0], ...columns.sort(), ...lines.slice(end)].join("\n");
  });
  return parts.join("\n\n");
}

/** A CHECK that was read back and made again has more casts and parentheses than before, and the same meaning. */
export function withoutCasts(snapshot: string): string {
  return snapshot
    .split("\n")
    .map((line) =>
      line.includes(" CHECK ")
        ? line.replaceAll(/::(character varying|text)(\[\])?|[()[\]]/g, "").replaceAll("= ANY ARRAY", "IN ")
        : line,
    )
    .join("\n");
}
