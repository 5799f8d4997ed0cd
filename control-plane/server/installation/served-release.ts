/** The agent's release that this control plane hands out below /bundles, by the manifest that lies in it. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const MANIFEST = "MANIFEST";
const FIRST_LINE = /^remotegpu-agent (\d+\.\d+\.\d+[0-9A-Za-z.+~-]*)\n/;

interface ServedRelease {
  /** With the hash over its files: `0.2.0-1a2b3c4d5e6f`. */
  version: string;
  /** Of the manifest, in hex. */
  manifestSha256: string;
}

/** Null where the folder holds no release. */
export async function servedRelease(folder: string): Promise<ServedRelease | null> {
  const manifest = await readFile(join(folder, MANIFEST), "utf8").catch(() => null);
  const [, version] = FIRST_LINE.exec(manifest ?? "") ?? [];
  if (manifest === null || version === undefined) return null;
  return { version, manifestSha256: createHash("sha256").update(manifest).digest("hex") };
}
