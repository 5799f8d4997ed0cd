/**
 * What must hold on a host while a drill plays a fault, and once it is over. Pure: a sight is what the running agent wrote
 * down of itself (health.ts) with what its journal and its leases say beside it; nothing is asked of the agent, which may hang.
 */
import type { DrillFault } from "@remotegpu/shared/messages/drill-report";
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import type { RunId } from "@remotegpu/shared/values/ids";
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { EXTEND_EVERY_MS } from "../metering/usage-interval.ts";
import type { AgentHealth } from "../upgrade/health.ts";

export type DrillLimits = {
  /** Within this the agent has to notice a fault. */
  noticedMs: number;
  /** Within this all has to be well again. */
  overMs: number;
};
/**
 * To notice takes three heartbeats, or two samples of the cards; a card's row of good samples, and a connection that comes
 * back, take a minute.
 */
export const DRILL_LIMITS: DrillLimits = { noticedMs: 90_000, overMs: 150_000 };
/** By which the agent's clock is played to be ahead. */
export const CLOCK_JUMP_MS = MS_PER_HOUR;
/** More than this is no reading that was late. */
const CLOCK_DIFFERENCE_MS = MS_PER_MINUTE;
/** Metering has missed no tick if it is not further behind. */
const METERED_WITHIN_MS = 2 * EXTEND_EVERY_MS;
/** Ticks that metering goes on for while the control plane is away, and once the runtime was restarted. */
const TICKS_SEEN = 2;

export type DrillSight = {
  /** Milliseconds of CLOCK_MONOTONIC, as those of `health`. */
  nowMs: number;
  wallMs: number;
  /** Null where none can be read. */
  health: AgentHealth | null;
  /** `meteredToMs`: up to which it is covered; null where nothing of it is open. */
  canary: { hasEnded: boolean; meteredToMs: number | null };
  /** `broken`: the doctor's checks of it that failed. */
  journal: { headSeq: number; confirmedSeq: number; broken: readonly string[] };
  /** Of all that are held, as one text. */
  leases: string;
};

export type Drill = {
  canary: RunId;
  /** Containers outlive a restart of the runtime. */
  hasLiveRestore: boolean;
  /** The card that is played to be lost; null where the host has none. */
  card: { uuid: string; isCanarys: boolean } | null;
  limits: DrillLimits;
};

/** Whether the agent has noticed a fault that is being played. */
export function isNoticed(fault: DrillFault, before: DrillSight, now: DrillSight, { card }: Drill): boolean {
  const { health } = now;
  if (health === null) return false;
  switch (fault) {
    case "agent-kill":
      return health.pid !== before.health?.pid;
    case "runtime-restart":
      return hasTicked(before, health);
    case "clock-jump":
      return clockDifferenceMs(now) > CLOCK_JUMP_MS - CLOCK_DIFFERENCE_MS;
    case "lost-network":
      return health.controlPlane === "away" && hasTicked(before, health);
    case "disk-full":
      return isDiskShort(health);
    case "lost-card":
      return card !== null && stateOf(card.uuid, health) === "missing";
  }
}

function hasTicked(before: DrillSight, { ticks }: AgentHealth): boolean {
  return ticks >= (before.health?.ticks ?? 0) + TICKS_SEEN;
}

/** The first thing that does not hold although the fault is over; null where all does. @param before the fault was played */
export function whatLacks(
  fault: DrillFault,
  { before, over, now, drill }: { before: DrillSight; over: DrillSight; now: DrillSight; drill: Drill },
): HostReason | null {
  const { health } = now;
  if (health === null || health.readyMs === null) return late("drill-agent-late", drill);
  return (
    canaryLacks(fault, { before, now, drill }) ??
    faultLasts(now, drill) ??
    (health.controlPlane === "connected" ? null : late("drill-cut-off", drill)) ??
    (now.journal.confirmedSeq >= over.journal.headSeq ? null : late("drill-journal-behind", drill)) ??
    bookLacks(before, now)
  );
}

function canaryLacks(
  fault: DrillFault,
  { before, now, drill }: { before: DrillSight; now: DrillSight; drill: Drill },
): HostReason | null {
  if (fault === "lost-card" && drill.card?.isCanarys === true)
    return now.canary.hasEnded ? null : late("drill-canary-not-ended", drill);
  const [was, is] = [before, now].map(({ health }) =>
    health?.instances.find(({ runId, pid }) => runId === drill.canary && pid !== null),
  );
  if (is === undefined || now.canary.hasEnded) return { code: "drill-canary-gone", params: {} };
  const isSame = was?.pid === is.pid && was?.startTicks === is.startTicks;
  const mayRestart = fault === "runtime-restart" && !drill.hasLiveRestore;
  if (!isSame && !mayRestart) return { code: "drill-canary-restarted", params: {} };
  const { meteredToMs } = now.canary;
  const isMetered = meteredToMs !== null && now.nowMs - meteredToMs <= METERED_WITHIN_MS;
  return isMetered ? null : late("drill-meter-stood", drill);
}

function faultLasts(now: DrillSight, drill: Drill): HostReason | null {
  const { health } = now;
  const { card } = drill;
  const isCardWell = health === null || card === null || stateOf(card.uuid, health) === "well";
  const isOver = health !== null && !isDiskShort(health) && isCardWell;
  return isOver && clockDifferenceMs(now) < CLOCK_DIFFERENCE_MS ? null : late("drill-not-over", drill);
}

function bookLacks(before: DrillSight, now: DrillSight): HostReason | null {
  const { broken } = now.journal;
  if (broken.length > 0)
    return { code: "drill-journal-broken", params: { checks: { names: broken, more: 0 } } };
  return now.leases === before.leases ? null : { code: "drill-leases-changed", params: {} };
}

/** By which the agent's clock is ahead of the host's, as of when it wrote that down. */
function clockDifferenceMs({ health, nowMs, wallMs }: DrillSight): number {
  if (health?.wallMs === undefined) return 0;
  return health.wallMs - (wallMs - (nowMs - health.writtenMs));
}

function isDiskShort({ degraded = [] }: AgentHealth): boolean {
  return degraded.includes("disk-low") || degraded.includes("disk-full");
}

function stateOf(uuid: string, { gpus = [] }: AgentHealth): string | undefined {
  return gpus.find((gpu) => gpu.uuid === uuid)?.state;
}

type LateCode =
  | "drill-agent-late"
  | "drill-cut-off"
  | "drill-journal-behind"
  | "drill-canary-not-ended"
  | "drill-meter-stood"
  | "drill-not-over";

function late(code: LateCode, { limits }: Drill): HostReason {
  return { code, params: { within_seconds: limits.overMs / MS_PER_SECOND } };
}

export function notNoticed({ limits }: Drill): HostReason {
  return { code: "drill-not-noticed", params: { within_seconds: limits.noticedMs / MS_PER_SECOND } };
}

/** What no time mends is not waited for. */
export function isFinal({ code }: HostReason): boolean {
  return code === "drill-canary-restarted";
}
