/**
 * The list of a bundle's files with their hashes. The version ends with a hash over them all, so two bundles
 * have the same version exactly when they are the same. install.sh reads this file with the shell.
 */
import { createHash, createPrivateKey, sign } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const MANIFEST_NAME = "MANIFEST";
const SIGNATURE_NAME = "MANIFEST.sig";
/** In the folder, but in no list. */
const NOT_LISTED = new Set([MANIFEST_NAME, SIGNATURE_NAME, "install.sh", "ca.pem"]);
const FILE_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}$/;

type BundleFile = { name: string; sha256: string; executable: boolean; bytes: number };
export type BundleManifest = { version: string; files: BundleFile[] };

/** Hashes what lies in `folder` and writes MANIFEST beside it. Every file must have a name that is safe in a URL. */
export async function writeBundleManifest({
  folder,
  release,
}: {
  folder: string;
  release: string;
}): Promise<BundleManifest> {
  const names = (await readdir(folder)).filter((name) => !NOT_LISTED.has(name)).sort();
  const files: BundleFile[] = [];
  for (const name of names) {
    if (!FILE_NAME.test(name)) throw new Error(`${name} cannot be a file of a bundle`);
    const path = join(folder, name);
    const { mode, size } = await stat(path);
    files.push({ name, sha256: await hashFile(path), executable: (mode & 0o100) !== 0, bytes: size });
  }
  const lines = files.map((file) => `${file.sha256} ${file.executable ? 755 : 644} ${file.name}`);
  const digest = createHash("sha256").update(lines.join("\n")).digest("hex");
  const version = `${release}-${digest.slice(0, 12)}`;
  await writeFile(join(folder, MANIFEST_NAME), [`remotegpu-agent ${version}`, ...lines, ""].join("\n"));
  return { version, files };
}

/** Beside the list, for hosts that ask for it: base64. @param privateKey ed25519, PEM */
export async function signBundleManifest(folder: string, privateKey: string): Promise<void> {
  const list = await readFile(join(folder, MANIFEST_NAME));
  const signature = sign(null, list, createPrivateKey(privateKey)).toString("base64");
  await writeFile(join(folder, SIGNATURE_NAME), `${signature}\n`);
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
