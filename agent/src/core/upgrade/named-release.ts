/** Whether this host asks its upgrade unit for the release that the control plane names to it. */
import type { NamedRelease, UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { RefusedRelease } from "./upgrade-files.ts";

/**
 * The upgrade unit does the rest; asking again for what it is doing, or has given up, would only confuse it.
 * @param report of this host as it is now
 */
export function isToBeRequested(
  release: NamedRelease,
  {
    report,
    refused,
  }: {
    report: Pick<UpgradeReport, "version" | "phase">;
    /** The same by its version or by its files. */
    refused: readonly Pick<RefusedRelease, "version" | "manifestSha256">[];
  },
): boolean {
  if (report.phase !== null || report.version === release.version) return false;
  return !refused.some(
    ({ version, manifestSha256 }) => version === release.version || manifestSha256 === release.manifestSha256,
  );
}
