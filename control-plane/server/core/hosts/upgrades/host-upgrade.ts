/**
 * One host of an upgrade: whether the release can be ordered there, and what has come of it, by what the host reports. A
 * release is ordered by naming it in replies to heartbeats; the host does the rest, and undoes it by itself.
 */
import { UPGRADE_FEATURE } from "@remotegpu/shared/instance/features";
import { isHostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { UpgradeReport, UpgradeResult } from "@remotegpu/shared/messages/upgrade-report";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { HostConnection } from "@remotegpu/shared/values/workload";
import { asReported, type Reason } from "../../reasons/reason.ts";

export const HOST_UPGRADE_STATES = [
  "waiting",
  "ordered",
  "upgraded",
  "reverted",
  "refused",
  "overdue",
  "skipped",
] as const;
export type HostUpgradeState = (typeof HOST_UPGRADE_STATES)[number];

/** Download, checks and ten minutes of probation; a host that fell silent in them undoes the upgrade and is heard again. */
const OVERDUE_MINUTES = 45;
export const OVERDUE_MS = OVERDUE_MINUTES * MS_PER_MINUTE;

/** What the fleet knows of a host. */
export interface UpgradeableHost {
  readonly connection: HostConnection;
  readonly isInFleet: boolean;
  readonly features: readonly string[];
  readonly report: UpgradeReport | null;
}

/** Why the release cannot be ordered there now; null: it can. Being cordoned is no obstacle. */
export function obstacleToUpgrade(host: UpgradeableHost): Reason | null {
  if (!host.isInFleet) return { code: "host-removed", params: {} };
  switch (host.connection) {
    case "never":
      return { code: "host-never-connected", params: {} };
    case "suspect":
      return { code: "host-suspect", params: {} };
    case "unreachable":
      return { code: "host-unreachable", params: {} };
    case "connected":
      return host.features.includes(UPGRADE_FEATURE) && host.report !== null
        ? null
        : { code: "agent-cannot-upgrade", params: {} };
  }
}

export function runsRelease(report: UpgradeReport | null, version: string): boolean {
  return (
    report !== null && report.version === version && report.committed === version && report.phase === null
  );
}

export function refusesRelease(report: UpgradeReport | null, version: string): boolean {
  return report?.refused?.includes(version) === true;
}

/** Distinguishes the attempts of a host, those of an installation before it included. */
export function attemptKey({ attempt, at }: Pick<UpgradeResult, "attempt" | "at">): string {
  return `${attempt} ${at}`;
}

/** What came of an order; null: nothing yet. */
export function outcomeOf(
  report: UpgradeReport | null,
  order: { version: string; attemptBefore: string | null },
): { state: "upgraded" | "reverted" | "refused"; reason: Reason | null } | null {
  if (runsRelease(report, order.version)) return { state: "upgraded", reason: null };
  const last = report?.last ?? null;
  if (last === null || last.to !== order.version || attemptKey(last) === order.attemptBefore) return null;
  if (last.result === "committed") return null;
  return { state: last.result, reason: reportedUpgradeReason(last) };
}

export function overdueReason(): Reason {
  return { code: "fleet-upgrade-not-finished-in-time", params: { minutes: OVERDUE_MINUTES } };
}

/** As this version knows it; the code alone of one that a later release reports. */
export function reportedUpgradeReason({ reason }: Pick<UpgradeResult, "reason">): Reason | null {
  if (reason === null || reason === undefined) return null;
  return isHostReason(reason) ? reason : asReported(reason.code);
}
