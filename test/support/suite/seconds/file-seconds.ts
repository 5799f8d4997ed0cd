/**
 * How long each file with real parts takes. Every run measures its files, and this machine's seconds make the order of its
 * next run; a fresh clone has the committed table, which `npm run test:seconds` renews from what was measured here.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const TESTS = fileURLToPath(new URL("../../../", import.meta.url));
export const COMMITTED = fileURLToPath(new URL("file-seconds.json", import.meta.url));
export const MEASURED = fileURLToPath(
  new URL("../../../../node_modules/.cache/file-seconds.json", import.meta.url),
);

/** The path of a file below test/, without its ending → seconds. */
const FileSeconds = z.record(z.string(), z.number());
export type FileSeconds = z.infer<typeof FileSeconds>;

/** The name of a file in the tables, of its whole path. */
export function nameOf(path: string): string {
  return path.replace(TESTS, "").replace(/\.test\.ts$/, "");
}

/** What was measured on this machine counts more than the committed table. */
export function knownSeconds(): FileSeconds {
  return { ...readSeconds(COMMITTED), ...readSeconds(MEASURED) };
}

export function readSeconds(table: string): FileSeconds {
  return existsSync(table) ? FileSeconds.parse(JSON.parse(readFileSync(table, "utf8"))) : {};
}

/** Runs may end at the same moment, so the table is always whole. */
export function writeSeconds(table: string, seconds: FileSeconds): void {
  const sorted = Object.fromEntries(Object.entries(seconds).toSorted(([a], [b]) => a.localeCompare(b, "en")));
  mkdirSync(dirname(table), { recursive: true });
  const whole = `${table}.${process.pid}`;
  writeFileSync(whole, `${JSON.stringify(sorted, null, 2)}\n`);
  renameSync(whole, table);
}

/** The committed table anew: whole seconds, without files that are gone. */
export function renewedSeconds(committed: FileSeconds, measured: FileSeconds): FileSeconds {
  const all = Object.entries({ ...committed, ...measured });
  const present = all.filter(([name]) => existsSync(`${TESTS}${name}.test.ts`));
  return Object.fromEntries(present.map(([name, seconds]) => [name, Math.max(1, Math.round(seconds))]));
}
