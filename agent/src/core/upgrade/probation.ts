/**
 * Whether a new version may stay: judged by what systemd and /proc report and by what the agent writes down about itself,
 * which may be nothing. Restarts are counted here, since systemd's own limits fire at other moments from release to release.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { Baseline, Probation, ProcessStart } from "./upgrade-files.ts";

/** A unit as systemd reports it. */
export type UnitState = {
  /** Of its main process; null: it has none now. */
  pid: number | null;
  /** When its main process of now, or its last one, was started; null: never in this boot. */
  startedMs: number | null;
  /** Its last end was the watchdog's. */
  hasHung: boolean;
};

/** What of the agent's health file is judged (health.ts). */
export type ReportedHealth = {
  pid: number;
  bootId: string;
  startedMs: number;
  writtenMs: number;
  heartbeats: number;
  controlPlane: "connected" | "away";
  ticks: number;
  lastTickMs: number | null;
  instances: readonly { instanceId: string; runId: string; pid: number | null; startTicks: number | null }[];
  unorderedEnds: number;
};

export type Observed = {
  bootId: string;
  nowMs: number;
  agent: UnitState;
  files: UnitState;
  health: ReportedHealth | null;
  /** Of the processes that the earlier version had, those that live. */
  alive: readonly ProcessStart[];
};

export type Verdict = { kind: "wait" } | { kind: "commit" } | { kind: "revert"; reason: HostReason };

export const PROBATION_MS = 600_000;
/** systemd ends an agent that is not ready after 90 s. */
export const READY_WITHIN_MS = 100_000;
/** Four ticks of metering. */
export const HUNG_AFTER_MS = 40_000;
const MAX_RESTARTS = 1;
const MIN_HEARTBEATS = 3;
/** An agent that was started again at the last moment is given time to show that it works. */
const SETTLED_AFTER_MS = 60_000;
/** By then the runtime's list has been read by the new agent. */
const TICKS_UNTIL_KNOWN = 2;
/** Older than this, a health file says nothing about now. */
const FRESH_FOR_MS = 60_000;

export function newProbation(bootId: string, nowMs: number): Probation {
  return {
    bootId,
    sinceMs: nowMs,
    agentStartedMs: null,
    filesStartedMs: null,
    agentDownSinceMs: nowMs,
    agentRestarts: 0,
    filesRestarts: 0,
  };
}

/** With the starts that were not seen before. A boot begins the time anew, which counts on its own clock. */
export function withStarts(before: Probation, { bootId, nowMs, agent, files }: Observed): Probation {
  const probation =
    before.bootId === bootId
      ? before
      : {
          ...newProbation(bootId, nowMs),
          agentRestarts: before.agentRestarts + 1,
          filesRestarts: before.filesRestarts,
        };
  const isOfNow = ({ startedMs }: UnitState) =>
    startedMs !== null && (before.bootId !== bootId || startedMs >= probation.sinceMs);
  const agentStartedMs = isOfNow(agent) ? agent.startedMs : probation.agentStartedMs;
  const filesStartedMs = isOfNow(files) ? files.startedMs : probation.filesStartedMs;
  return {
    ...probation,
    agentStartedMs,
    filesStartedMs,
    agentDownSinceMs: agent.pid === null ? (probation.agentDownSinceMs ?? nowMs) : null,
    agentRestarts: probation.agentRestarts + another(probation.agentStartedMs, agentStartedMs),
    filesRestarts: probation.filesRestarts + another(probation.filesStartedMs, filesStartedMs),
  };
}

function another(before: number | null, now: number | null): 0 | 1 {
  return before !== null && now !== before ? 1 : 0;
}

/** @param probation with the starts that are seen now */
export function judge(
  {
    probation,
    baseline,
    probationMs,
  }: { probation: Probation; baseline: Baseline | null; probationMs: number },
  observed: Observed,
): Verdict {
  const health = healthOf(observed);
  const breach =
    restartBreach(probation, observed) ??
    (health === null ? null : workBreach(health, baseline, observed)) ??
    standstill(probation, health, observed);
  if (breach !== null) return { kind: "revert", reason: breach };
  const isDue = probation.agentDownSinceMs === null && observed.nowMs >= dueMs(probation, probationMs);
  if (!isDue) return { kind: "wait" };
  const seconds = secondsSince(probation.sinceMs, observed);
  if (health === null || health.ticks < TICKS_UNTIL_KNOWN)
    return { kind: "revert", reason: { code: "upgrade-not-ready", params: { seconds } } };
  if (isHeard(health, baseline)) return { kind: "commit" };
  const { heartbeats } = health;
  return { kind: "revert", reason: { code: "upgrade-not-heard", params: { heartbeats, seconds } } };
}

/** What the earlier version knew, from the last health that it wrote; null where that is too old or of an earlier boot. */
export function baselineOf(
  health: ReportedHealth | null,
  { bootId, nowMs }: { bootId: string; nowMs: number },
): Baseline | null {
  if (health === null || health.bootId !== bootId || nowMs - health.writtenMs > FRESH_FOR_MS) return null;
  return {
    isControlPlaneAway: health.controlPlane === "away",
    instances: health.instances.flatMap(({ instanceId, runId, pid, startTicks }) =>
      pid === null || startTicks === null ? [] : [{ instanceId, runId, pid, startTicks }],
    ),
  };
}

/** Of the process that runs now: the earlier version's file lies there until the new one has written its own. */
function healthOf({ bootId, agent, health }: Observed): ReportedHealth | null {
  const isOfNow =
    health?.bootId === bootId &&
    health.pid === agent.pid &&
    agent.startedMs !== null &&
    health.startedMs >= agent.startedMs;
  return isOfNow ? health : null;
}

function restartBreach(probation: Probation, { agent }: Observed): HostReason | null {
  const { agentStartedMs, agentRestarts, filesRestarts } = probation;
  if (agent.hasHung && agentStartedMs !== null) return { code: "upgrade-watchdog", params: {} };
  if (agentRestarts > MAX_RESTARTS)
    return { code: "upgrade-agent-restarts", params: { restarts: agentRestarts } };
  if (filesRestarts > MAX_RESTARTS)
    return { code: "upgrade-files-restarts", params: { restarts: filesRestarts } };
  return null;
}

function workBreach(
  health: ReportedHealth,
  baseline: Baseline | null,
  { alive }: Observed,
): HostReason | null {
  if (health.unorderedEnds > 0)
    return { code: "upgrade-work-ended", params: { instances: health.unorderedEnds } };
  if (health.ticks < TICKS_UNTIL_KNOWN) return null;
  const lost = lostInstances(health, baseline, alive);
  return lost === 0 ? null : { code: "upgrade-work-lost", params: { instances: lost } };
}

/** What has ended meanwhile, by an order or by itself, is not missed: only what still runs must be known. */
function lostInstances(
  health: ReportedHealth,
  baseline: Baseline | null,
  alive: readonly ProcessStart[],
): number {
  const lives = ({ pid, startTicks }: ProcessStart) =>
    alive.some((process) => process.pid === pid && process.startTicks === startTicks);
  const isKnown = ({ runId, pid }: Baseline["instances"][number]) =>
    health.instances.some((known) => known.runId === runId && (known.pid === null || known.pid === pid));
  return (baseline?.instances ?? []).filter((instance) => lives(instance) && !isKnown(instance)).length;
}

function standstill(
  probation: Probation,
  health: ReportedHealth | null,
  observed: Observed,
): HostReason | null {
  const { nowMs } = observed;
  const lastTickMs = health?.lastTickMs ?? null;
  if (lastTickMs !== null)
    return nowMs - lastTickMs < HUNG_AFTER_MS
      ? null
      : { code: "upgrade-hung", params: { seconds: secondsSince(lastTickMs, observed) } };
  const startingSinceMs = probation.agentDownSinceMs ?? probation.agentStartedMs ?? probation.sinceMs;
  return nowMs - startingSinceMs < READY_WITHIN_MS
    ? null
    : { code: "upgrade-not-ready", params: { seconds: secondsSince(startingSinceMs, observed) } };
}

function dueMs({ sinceMs, agentStartedMs }: Probation, probationMs: number): number {
  return Math.max(
    sinceMs + probationMs,
    (agentStartedMs ?? sinceMs) + Math.min(SETTLED_AFTER_MS, probationMs),
  );
}

/** A control plane that answered the earlier version has to answer this one too. */
function isHeard({ heartbeats, controlPlane }: ReportedHealth, baseline: Baseline | null): boolean {
  return heartbeats >= MIN_HEARTBEATS || (controlPlane === "away" && baseline?.isControlPlaneAway === true);
}

function secondsSince(sinceMs: number, { nowMs }: Observed): number {
  return Math.round((nowMs - sinceMs) / MS_PER_SECOND);
}
