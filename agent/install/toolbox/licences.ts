/**
 * The list of packages that a toolbox holds parts of, with version and licences, and the copyright file of each, which
 * Debian keeps in /usr/share/doc. Whoever hands the toolbox out hands these out with it.
 */
import { readFile, readlink } from "node:fs/promises";
import { basename, join } from "node:path";
import type { LaidOut } from "./debian-packages.ts";

const DOC = "usr/share/doc";

/**
 * The package whose folder of documents a package shares, which is one that it belongs to; null where it has its own.
 */
export async function sharesDocumentsOf({ name, folder }: LaidOut): Promise<string | null> {
  const link = await readlink(join(folder, DOC, name)).catch(() => null);
  return link === null ? null : basename(link);
}

/** @throws where it has none: what may not be named may not be handed out. */
export async function copyrightOf({ name, folder }: LaidOut): Promise<string> {
  return readFile(join(folder, DOC, name, "copyright"), "utf8");
}

/** By the names that the file itself uses; a file in free text is left to be read. */
export function licencesOf(copyright: string): string[] {
  const named = [...copyright.matchAll(/^Licen[cs]e: *(\S.*)$/gm)].map(([, name = ""]) => name.trim());
  if (named.length > 0) return [...new Set(named)].sort();
  const common = [...copyright.matchAll(/\/usr\/share\/common-licenses\/([A-Za-z]+(?:[-.]\d+)*)/g)];
  const among = [...new Set(common.map(([, name = ""]) => name))].sort();
  return ["as in its copyright file", ...among.map((name) => `which names ${name}`)];
}

/** One line a package: name, version, licences. */
export function packageList(
  packages: readonly { name: string; version: string; licences: readonly string[] }[],
): string {
  const lines = packages.map(({ name, version, licences }) =>
    [name, version, licences.join(", ")].join("\t"),
  );
  return [
    "# Debian packages of which this folder holds parts: name, version, licences. The texts are in share/doc.",
    ...lines.sort(),
    "",
  ].join("\n");
}
