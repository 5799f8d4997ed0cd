/** Which folders of versions may go. What is linked, runs, or may be gone back to stays, whatever else is said. */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { UpgradeResult, Version } from "./upgrade-files.ts";

/** After a commit the version before it stays for so long, for a way back by hand. */
export const REMOVED_AFTER_MS = MS_PER_DAY;

/**
 * @param results of this host; a version that none of them names is not known to this judge and stays
 * @param used linked, under way, or run from by some process
 */
export function removableVersions({
  present,
  used,
  results,
  nowMs,
}: {
  present: readonly Version[];
  used: ReadonlySet<Version>;
  results: readonly UpgradeResult[];
  /** The wall clock. */
  nowMs: number;
}): Version[] {
  return present.filter((version) => {
    if (used.has(version)) return false;
    const last = results.findLast(({ from, to }) => from === version || to === version);
    return last !== undefined && nowMs - Date.parse(last.at) >= REMOVED_AFTER_MS;
  });
}
