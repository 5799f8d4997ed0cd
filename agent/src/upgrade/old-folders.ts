/** Removes the folders of versions that nothing needs any more. */
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { removableVersions } from "../core/upgrade/old-versions.ts";
import type { DurableDisk } from "../host/upgrades/durable-disk.ts";
import type { UpgradeFolder } from "../host/upgrades/upgrade-folder.ts";

/** @returns what was removed */
export function removeOldVersions(
  { folder, disk }: { folder: UpgradeFolder; disk: DurableDisk },
  nowMs: number,
): string[] {
  const present = readdirSync(folder.path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name);
  const removable = removableVersions({
    present,
    used: usedVersions(folder),
    results: folder.results(),
    nowMs,
  });
  for (const version of removable) disk.remove(folder.versionFolder(version));
  return removable;
}

function usedVersions(folder: UpgradeFolder): Set<string> {
  const upgrade = folder.upgrade() ?? folder.failedUpgrade();
  const named = [
    folder.linked("current"),
    folder.linked("previous"),
    folder.linked("committed"),
    upgrade?.from,
    upgrade?.to,
    folder.request()?.version,
  ];
  return new Set([...named.filter((name) => typeof name === "string"), ...runningVersions(folder.path)]);
}

/** Processes of earlier versions serve their connections to the end, and load more of their code when they need it. */
function runningVersions(path: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const [, version] = programOf(pid)?.split(join(path, "/")) ?? [];
      return version === undefined ? [] : [version.split("/")[0] ?? ""];
    });
}

/** Null of a process that has ended, and of the kernel's own. */
function programOf(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`);
  } catch (error) {
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}
