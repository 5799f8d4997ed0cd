/**
 * What a backup says of itself, in `manifest.json`. It is written last: a folder without it is no backup. Its files are all
 * named there with their lengths and SHA-256, so that one that was torn or edited is known before anything is restored.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { BackupError } from "./backup-error.ts";

export const MANIFEST = "manifest.json";
const FORMAT = 1;

/** Below the backup's folder, and never out of it. */
const FilePath = z.string().regex(/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/);

const BackupFile = z.object({
  path: FilePath,
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const Dump = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("pg_dump"), version: z.string(), file: FilePath }),
  z.object({
    kind: z.literal("copy"),
    reason: z.string(),
    tables: z.array(
      z.object({
        name: z.string().min(1),
        columns: z.array(z.string().min(1)).min(1),
        rows: z.int().nonnegative(),
        file: FilePath,
      }),
    ),
    sequences: z.array(
      z.object({
        table: z.string().min(1),
        column: z.string().min(1),
        lastValue: z.string().regex(/^-?\d+$/),
        isCalled: z.boolean(),
      }),
    ),
  }),
]);

const Manifest = z
  .object({
    format: z.literal(FORMAT),
    takenAt: z.iso.datetime(),
    productVersion: z.string(),
    postgresVersion: z.string(),
    dbIncarnation: z.int().positive(),
    migrations: z.array(z.object({ name: z.string(), checksum: z.string() })).min(1),
    dump: Dump,
    /** The operator's keys, sealed; null in a backup without them. */
    keys: FilePath.nullable(),
    files: z.array(BackupFile),
  })
  .refine(({ dump, keys, files }) => {
    const measured = new Set(files.map(({ path }) => path));
    return [...dumpFiles(dump), ...(keys === null ? [] : [keys])].every((path) => measured.has(path));
  }, "each file must be named with its length and hash");

export type Manifest = z.infer<typeof Manifest>;
export type BackupFile = z.infer<typeof BackupFile>;
export type ManifestDump = z.infer<typeof Dump>;

function dumpFiles(dump: ManifestDump): string[] {
  return dump.kind === "pg_dump" ? [dump.file] : dump.tables.map(({ file }) => file);
}

export function manifestText(manifest: Omit<Manifest, "format">): string {
  return `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`;
}

/** @throws BackupError naming the file */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new BackupError(`${path} cannot be read, so ${folder} is no whole backup`, { cause });
  });
  return parseManifest(text, path);
}

function parseManifest(text: string, path: string): Manifest {
  try {
    return Manifest.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError(`${path} is not a manifest that this version reads`, { cause });
  }
}
