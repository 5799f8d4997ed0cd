/** Whether this host asks its upgrade unit for the release that the control plane names to it. */
import type { NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";

/** A release that is not tried again: the same by its version or by its files. */
export interface RefusedRelease {
  version: string;
  manifestSha256: string;
}

/**
 * The upgrade unit does the rest; asking again for what it is doing, or has given up, would only confuse it.
 * @param report of this host as it is now
 */
export function isToBeRequested(
  release: NamedRelease,
  { report, refused }: { report: UpgradeReport; refused: readonly RefusedRelease[] },
): boolean {
  if (report.phase !== null || report.version === release.version) return false;
  return !refused.some(
    ({ version, manifestSha256 }) => version === release.version || manifestSha256 === release.manifestSha256,
  );
}
