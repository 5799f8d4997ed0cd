/**
 * The Debian packages that a control plane hands out, as the list of hashes beside them names them: `npm run packages` writes
 * both, into the clone, and the package of the control plane brings both.
 */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { programFiles } from "./program-files.ts";

const LINE = /^([0-9a-f]{64}) {2}(([a-z0-9-]+)_([A-Za-z0-9.+~-]+)_amd64\.deb)$/;
const HANDED_OUT = new Set(["remotegpu", "remotegpu-agent"]);

interface ServedPackage {
  name: string;
  version: string;
  /** Its file's name. */
  file: string;
  bytes: number;
  sha256: string;
}

export interface ServedPackages {
  folder: string;
  packages: ServedPackage[];
}

/** Null where there is no list: a checkout in which none were built. */
export async function servedPackages(folder = programFiles.packages): Promise<ServedPackages | null> {
  const list = await readFile(join(folder, "SHA256SUMS"), "utf8").catch(() => null);
  if (list === null) return null;
  const packages = await Promise.all(list.split("\n").map((line) => packageOf(folder, line)));
  return { folder, packages: packages.filter((one) => one !== null) };
}

async function packageOf(folder: string, line: string): Promise<ServedPackage | null> {
  const [, sha256 = "", file = "", name = "", version = ""] = LINE.exec(line) ?? [];
  if (!HANDED_OUT.has(name)) return null;
  return { name, version, file, bytes: (await stat(join(folder, file))).size, sha256 };
}
