/**
 * One pass over an upgrade of the fleet: what each host of it has come to, which hosts the release is ordered on now, and
 * whether the next wave begins. It begins when all hosts of this one have finished and nothing has been wrong on those that
 * were upgraded for a while: no journal that lags, no new condition, none unreachable. A host that reverts or refuses the
 * release, or never finishes, halts the upgrade until an administrator resumes it. Only what is here now counts, so a pass
 * that was lost costs nothing.
 */
import type { UpgradeReport } from "@remotegpu/shared/messages/upgrade-report";
import type { Reason } from "../../reasons/reason.ts";
import {
  attemptKey,
  type HostUpgradeState,
  obstacleToUpgrade,
  outcomeOf,
  OVERDUE_MS,
  overdueReason,
  refusesRelease,
  runsRelease,
  type UpgradeableHost,
} from "./host-upgrade.ts";
import { isLagging, type PendingHead, pendingHead } from "./journal-lag.ts";

export const UPGRADE_STATES = ["running", "paused", "halted", "finished", "aborted"] as const;
export type UpgradeState = (typeof UPGRADE_STATES)[number];

/** A host of an upgrade, as it was left by the pass before. */
export interface HostOfUpgrade {
  readonly hostId: string;
  readonly wave: number;
  readonly state: HostUpgradeState;
  readonly reason: Reason | null;
  readonly fromVersion: string | null;
  readonly orderedAtMs: number | null;
  readonly attemptBefore: string | null;
  readonly conditionsBefore: readonly string[];
  readonly pending: PendingHead | null;
  /** An administrator has resumed the upgrade in spite of it. */
  readonly isAcknowledged: boolean;
}

/** The same host as it is now. */
export interface HostNow extends UpgradeableHost {
  readonly hostName: string;
  /** What is wrong with it or its GPUs, each as a name. */
  readonly conditions: readonly string[];
  readonly headSeq: number;
  readonly watermark: number;
  readonly report: UpgradeReport | null;
}

export interface Upgrade {
  readonly version: string;
  readonly state: UpgradeState;
  readonly wave: number;
  readonly waveCount: number;
  readonly calmSinceMs: number | null;
  readonly reason: Reason | null;
}

export interface PlannedUpgrade {
  readonly upgrade: Upgrade;
  readonly hosts: readonly HostOfUpgrade[];
}

type Pair = readonly [HostOfUpgrade, HostNow];
type Progress = Pick<Upgrade, "state" | "wave" | "calmSinceMs" | "reason">;

/** @param hosts of all waves @param calmMs for how long nothing may be wrong before the next wave */
export function planUpgrade(
  upgrade: Upgrade,
  hosts: readonly Pair[],
  { nowMs, calmMs }: { nowMs: number; calmMs: number },
): PlannedUpgrade {
  const pairs = hosts.map(([host, now]): Pair => [nextHost(upgrade, host, { now, nowMs }), now]);
  return {
    upgrade: { ...upgrade, ...nextProgress(upgrade, pairs, { nowMs, calmMs }) },
    hosts: pairs.map(([host]) => host),
  };
}

function nextHost(
  upgrade: Upgrade,
  host: HostOfUpgrade,
  { now, nowMs }: { now: HostNow; nowMs: number },
): HostOfUpgrade {
  switch (host.state) {
    case "waiting":
    case "skipped":
      return upgrade.state === "running" && host.wave <= upgrade.wave
        ? orderedHost(upgrade, host, { now, nowMs })
        : host;
    case "ordered":
    case "overdue":
      return { ...host, ...progressOf(upgrade, host, { now, nowMs }) };
    case "upgraded":
      return { ...host, pending: pendingHead(host.pending, { ...now, head: now.headSeq, nowMs }) };
    case "reverted":
    case "refused":
      return host;
  }
}

function orderedHost(
  { version }: Upgrade,
  host: HostOfUpgrade,
  { now, nowMs }: { now: HostNow; nowMs: number },
): HostOfUpgrade {
  const { report } = now;
  const before = {
    fromVersion: report?.version ?? null,
    attemptBefore: report?.last ? attemptKey(report.last) : null,
    conditionsBefore: now.conditions,
  };
  if (runsRelease(report, version)) return { ...host, ...before, state: "upgraded", reason: null };
  const obstacle = obstacleToUpgrade(now);
  if (obstacle !== null) return { ...host, state: "skipped", reason: obstacle };
  if (refusesRelease(report, version)) {
    // It failed there before this upgrade, which is no news of the release: nobody is halted by it.
    const reason: Reason = { code: "fleet-upgrade-release-refused-before", params: {} };
    return { ...host, ...before, state: "refused", reason, isAcknowledged: true };
  }
  return { ...host, ...before, state: "ordered", reason: null, orderedAtMs: nowMs };
}

function progressOf(
  { version }: Upgrade,
  host: HostOfUpgrade,
  { now, nowMs }: { now: HostNow; nowMs: number },
): Partial<HostOfUpgrade> {
  if (!now.isInFleet) return { state: "skipped", reason: obstacleToUpgrade(now) };
  const outcome = outcomeOf(now.report, { version, attemptBefore: host.attemptBefore });
  if (outcome !== null) return outcome;
  const isOverdue = nowMs - (host.orderedAtMs ?? nowMs) >= OVERDUE_MS;
  return isOverdue ? { state: "overdue", reason: overdueReason() } : {};
}

function nextProgress(
  upgrade: Upgrade,
  pairs: readonly Pair[],
  { nowMs, calmMs }: { nowMs: number; calmMs: number },
): Progress {
  const { state, wave, waveCount } = upgrade;
  if (state !== "running") return { ...upgrade };
  const failure = pairs.find(([host]) => isFailure(host) && !host.isAcknowledged);
  if (failure !== undefined) return { state: "halted", wave, calmSinceMs: null, reason: haltReason(failure) };
  const obstacle = unfinished(wave, pairs) ?? disturbance(pairs, nowMs);
  if (obstacle !== null) return { state, wave, calmSinceMs: null, reason: obstacle };
  const calmSinceMs = upgrade.calmSinceMs ?? nowMs;
  if (nowMs - calmSinceMs < calmMs)
    return { state, wave, calmSinceMs, reason: { code: "fleet-upgrade-wave-observed", params: {} } };
  return wave + 1 < waveCount
    ? { state, wave: wave + 1, calmSinceMs: null, reason: null }
    : { state: "finished", wave, calmSinceMs, reason: null };
}

function isFailure({ state }: HostOfUpgrade): boolean {
  return state === "reverted" || state === "refused" || state === "overdue";
}

/** It failed in this upgrade, and an administrator went on. */
function isResumed(host: HostOfUpgrade): boolean {
  return isFailure(host) && host.isAcknowledged && host.orderedAtMs !== null;
}

function haltReason([host, { hostName }]: Pair): Reason {
  const params = { host_name: hostName, host_id: host.hostId };
  const why = host.reason;
  switch (host.state) {
    case "refused":
      return why === null
        ? { code: "fleet-upgrade-halted-by-refusal", params }
        : { code: "fleet-upgrade-halted-by-refusal-because", params: { ...params, why } };
    case "overdue":
      return { code: "fleet-upgrade-halted-by-silence", params };
    case "waiting":
    case "ordered":
    case "upgraded":
    case "skipped":
    case "reverted":
      return why === null
        ? { code: "fleet-upgrade-halted-by-revert", params }
        : { code: "fleet-upgrade-halted-by-revert-because", params: { ...params, why } };
  }
}

/** What the wave still waits for; the first wave also for one host that was upgraded, so that there is a canary. */
function unfinished(wave: number, pairs: readonly Pair[]): Reason | null {
  const ofWave = pairs.filter(([host]) => host.wave <= wave);
  const open = ofWave.filter(([{ state }]) => state === "waiting" || state === "ordered");
  const [first] = open;
  if (first !== undefined)
    return {
      code: "fleet-upgrade-wave-under-way",
      params: { hosts: open.length, host_name: first[1].hostName },
    };
  const isProved = ofWave.some(([host]) => host.state === "upgraded" || isResumed(host));
  const [canary] = ofWave;
  if (wave > 0 || isProved || canary === undefined) return null;
  const why = canary[0].reason ?? overdueReason();
  return { code: "fleet-upgrade-waits-for-canary", params: { host_name: canary[1].hostName, why } };
}

/** What is wrong on a host that was upgraded, and was not before. */
function disturbance(pairs: readonly Pair[], nowMs: number): Reason | null {
  for (const [host, now] of pairs) {
    if (host.state !== "upgraded" || !now.isInFleet) continue;
    const params = { host_name: now.hostName };
    if (now.connection !== "connected") return { code: "fleet-upgrade-waits-for-unreachable", params };
    if (isLagging(host.pending, nowMs)) return { code: "fleet-upgrade-waits-for-journal", params };
    const fresh = now.conditions.filter((condition) => !host.conditionsBefore.includes(condition));
    if (fresh.length > 0)
      return {
        code: "fleet-upgrade-waits-for-condition",
        params: { ...params, conditions: firstNames(fresh) },
      };
  }
  return null;
}

function firstNames(names: readonly string[]): { names: readonly string[]; more: number } {
  const most = 3;
  return { names: names.slice(0, most), more: Math.max(0, names.length - most) };
}
