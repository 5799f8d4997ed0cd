/** What lies in a folder, each file by its SHA-256, so that a test can show that nothing of it has changed. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** By the paths below the folder; of what is no file (sockets, links, folders) the name alone. */
export function hashesOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const hash = entry.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
        return [relative(folder, path), hash] as const;
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
