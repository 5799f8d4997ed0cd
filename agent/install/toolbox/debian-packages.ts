/**
 * Debian packages as files: which version apt offers, fetched and laid out in folders, installed nowhere. apt checks
 * signatures and knows the mirrors of this machine. Owns nothing of what the toolbox takes from them.
 */
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";

const FETCH_MS = 300_000;
const REQUEST_TIMEOUT_MS = 60_000;
const C_LOCALE = { LC_ALL: "C" };

export class PackageError extends Error {
  override readonly name = "PackageError";
}

/** Its files lie below `folder`. */
export type LaidOut = { name: string; version: string; folder: string; dependsOn: readonly string[] };

/** The version of each package that apt would install now; those that it does not have are left out. */
export async function offeredVersions(names: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await execa("apt-cache", ["policy", ...names], {
    env: C_LOCALE,
    timeout: REQUEST_TIMEOUT_MS,
  });
  const offered = new Map<string, string>();
  let name = "";
  for (const line of stdout.split("\n")) {
    name = /^(\S+):$/.exec(line)?.[1] ?? name;
    const version = /^ {2}Candidate: (.+)$/.exec(line)?.[1];
    if (version !== undefined && version !== "(none)") offered.set(name.replace(/:amd64$/, ""), version);
  }
  return offered;
}

/** Changes whenever apt may offer something else than before. */
export async function stateOfLists(): Promise<string> {
  const lists = await readdir("/var/lib/apt/lists", { withFileTypes: true }).catch(() => []);
  const { stdout } = await execa("stat", ["-c", "%n %s %Y", "/var/lib/dpkg/status", ...lists.map(pathOf)], {
    reject: false,
  });
  return stdout;
}

function pathOf(entry: { parentPath: string; name: string }): string {
  return join(entry.parentPath, entry.name);
}

/** What apt knows nothing of is looked up once, by root: a fresh machine may have no lists yet. */
export async function updateLists(): Promise<void> {
  await execa("apt-get", ["-q", "-o", "DPkg::Lock::Timeout=300", "update"], { timeout: FETCH_MS });
}

/**
 * Fetches the packages and lays each out in a folder of its own below `folder`.
 * @throws PackageError with apt's last words
 */
export async function layOut(names: readonly string[], folder: string): Promise<LaidOut[]> {
  const archives = join(folder, "archives", names[0] ?? "none");
  await mkdir(archives, { recursive: true });
  try {
    // Without its own user, which may not write here.
    const options = ["-q", "-o", "APT::Sandbox::User=root"];
    await execa("apt-get", ["download", ...options, ...names], { cwd: archives, timeout: FETCH_MS });
  } catch (cause) {
    throw new PackageError(`apt could not fetch ${names.join(", ")}`, { cause });
  }
  const laidOut: LaidOut[] = [];
  for (const archive of (await readdir(archives)).sort())
    laidOut.push(await unpacked(join(archives, archive), folder));
  return laidOut;
}

async function unpacked(archive: string, folder: string): Promise<LaidOut> {
  const { stdout } = await execa("dpkg-deb", [
    "--field",
    archive,
    "Package",
    "Version",
    "Depends",
    "Pre-Depends",
  ]);
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(stdout)?.[1] ?? "";
  const target = join(folder, field("Package"));
  await execa("dpkg-deb", ["--extract", archive, target]);
  const depends = [field("Depends"), field("Pre-Depends")].flatMap((list) => list.split(/[,|]/));
  return {
    name: field("Package"),
    version: field("Version"),
    folder: target,
    dependsOn: depends.map((each) => each.trim().split(/[ :(]/)[0] ?? "").filter((name) => name !== ""),
  };
}
