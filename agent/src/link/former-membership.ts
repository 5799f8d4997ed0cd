/**
 * What a host keeps of a fleet that it was taken out of. Its key is of no use any more and its journal is the old
 * host's, so both are put aside, whole, before it joins as another host. The environments' files stay where they are.
 */
import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { HostId } from "@remotegpu/shared/values/ids";

const ASIDE = "removed-";
const STAYS = new Set(["pool", "toolbox"]);

/** @returns the folder in which everything of that host lies now */
export function setAsideMembership(stateDir: string, hostId: HostId): string {
  const aside = join(stateDir, `${ASIDE}${hostId}`);
  mkdirSync(aside, { recursive: true, mode: 0o700 });
  const entries = readdirSync(stateDir).filter((name) => !STAYS.has(name) && !name.startsWith(ASIDE));
  // The credential goes last: until then a second try begins where this one ended.
  for (const name of entries.toSorted((one, other) => Number(isLast(one)) - Number(isLast(other))))
    renameSync(join(stateDir, name), join(aside, name));
  return aside;
}

function isLast(name: string): boolean {
  return name === "credential.json";
}
