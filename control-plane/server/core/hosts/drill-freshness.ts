/**
 * Whether a host's certificate of a drill is still good: it passed, it is not older than the operator's policy wants, and the
 * host has no card, driver or release that was not there when it was given. A card that is gone since voids nothing.
 */
import { type DrillDocument, isDrillPassed } from "@remotegpu/shared/messages/drill-report";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Reason } from "../reasons/reason.ts";
import { releasesBehind } from "./upgrades/agent-skew.ts";

/** An alarm is raised so many days before a certificate ends, at most half of what it is good for. */
const WARNED_DAYS = 7;

export interface HeldDrill {
  document: DrillDocument;
  endedAtMs: number;
}

/** The host as it is now. */
export interface DrilledHost {
  /** Of the agent; null where it was never heard. */
  version: string | null;
  driver: string | null;
  gpus: readonly string[];
}

/** The days of the setting HOST_DRILL_MAX_DAYS; null: no host needs a certificate. */
export function drillDays(setting: string): number | null {
  return setting === "none" ? null : Number(setting);
}

/** Why the host takes nothing but a drill's canary; null: its certificate is good. @param drill the newest */
export function drillObstacle(
  drill: HeldDrill | null,
  { host, maxDays, nowMs }: { host: DrilledHost; maxDays: number; nowMs: number },
): Reason | null {
  if (drill === null) return { code: "host-undrilled", params: {} };
  const failed = drill.document.faults.filter(({ result }) => result === "failed");
  if (failed.length > 0) {
    const names = failed.map(({ fault }) => fault);
    return { code: "host-drill-failed", params: { faults: { names, more: 0 } } };
  }
  // A fault that a later release plays was not played at all.
  if (!isDrillPassed(drill.document)) return { code: "host-undrilled", params: {} };
  const void_ = whyVoid(drill.document, host);
  if (void_ !== null) return void_;
  return nowMs - drill.endedAtMs <= maxDays * MS_PER_DAY
    ? null
    : { code: "host-drill-old", params: { days: maxDays } };
}

/** Another release, driver or card than it was given for; null: it holds. */
function whyVoid({ version, driver, gpus }: DrillDocument, host: DrilledHost): Reason | null {
  const current = host.version ?? version;
  const behind = releasesBehind(version, current);
  if (behind === null ? version !== current : behind !== 0)
    return { code: "host-drill-other-release", params: { version, own_version: current } };
  if (driver !== host.driver) return { code: "host-drill-other-driver", params: {} };
  const added = host.gpus.filter((uuid) => !gpus.includes(uuid));
  return added.length === 0
    ? null
    : { code: "host-drill-other-cards", params: { gpus: { names: added, more: 0 } } };
}

/** Whether it is about to end. */
export function endsSoon(
  { endedAtMs }: HeldDrill,
  { maxDays, nowMs }: { maxDays: number; nowMs: number },
): boolean {
  const warnedMs = Math.min(WARNED_DAYS, maxDays / 2) * MS_PER_DAY;
  return nowMs > endedAtMs + maxDays * MS_PER_DAY - warnedMs;
}
