/**
 * Which process had the state folder before: by the folder's lock it has ended, so what it held in the database, its
 * lease of the leadership, is its successor's at once.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "holder";

/** For who has the folder's lock. @returns the name that the one before left here; null where nobody was */
export function succeed(stateDir: string, holder: string): string | null {
  const file = join(stateDir, FILE);
  const former = nameIn(file);
  writeFileSync(file, holder);
  return former;
}

function nameIn(file: string): string | null {
  try {
    return readFileSync(file, "utf8") || null;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
