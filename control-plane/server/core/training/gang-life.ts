/**
 * What is a gang's own in the life of a job: it is released when its preflight has passed, given up when the host of a
 * rank is not heard any more while others run on, and tells which of its ranks do not hear each other. Null where a job
 * of one rank would do the same.
 */
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import {
  hasBegun,
  type InstanceReport,
  isOver,
  type LostSince,
  type Transition,
} from "../instances/instance-report.ts";
import { UNREACHABLE_AFTER_MS } from "../hosts/host-liveness.ts";
import type { Reason } from "../reasons/reason.ts";
import type { RankState } from "../instances/rank-state.ts";
import { preflightVerdict } from "./preflight.ts";

/** A rank that does not answer is waited for as long as a host that does not. */
const FROZEN_LIMIT_MS = UNREACHABLE_AFTER_MS;
/** Containers that are up and held let go within seconds. */
const LETTING_GO_LIMIT_MS = 2 * MS_PER_MINUTE;

interface Rank extends InstanceReport {
  gang: RankState;
}

type GangTransition = Transition<"stopping">;

/** @param reports of all ranks, none of which has failed */
export function afterGangReports(
  status: "queued" | "running",
  reports: readonly InstanceReport[],
): GangTransition | null {
  const ranks = reports.filter(isOfGang);
  if (ranks.length < reports.length) return null;
  if (status === "queued" && !ranks.some(isReleased)) return beforeRelease(ranks);
  if (status === "queued" && ranks.every(hasBegun)) return null;
  // A database that was restored may not know that it was released, and its ranks run.
  if (ranks.some(({ gang, state }) => gang.releasedForMs === null && !isOver(state)))
    return { kind: "releases" };
  return (
    afterSilence(ranks) ??
    afterFreeze(ranks) ??
    (status === "queued" ? (afterNoBeginning(ranks) ?? begins(ranks)) : cutOff(ranks))
  );
}

function isOfGang(report: InstanceReport): report is Rank {
  return report.gang !== undefined;
}

function isReleased(rank: Rank): boolean {
  return rank.gang.releasedForMs !== null || hasBegun(rank);
}

function beforeRelease(ranks: readonly Rank[]): GangTransition {
  const verdict = preflightVerdict(ranks);
  switch (verdict.kind) {
    case "waits":
      return { kind: "explains", reason: verdict.reason };
    case "goes":
      return { kind: "releases" };
    case "fails": {
      const { reason, ranks: atFault, pairs } = verdict;
      return {
        kind: "fails",
        failure: { by: "infrastructure", reason, ranks: atFault, preflight: { pairs } },
      };
    }
  }
}

/** Where nobody is heard there is nobody to stop. */
function afterSilence(ranks: readonly Rank[]): GangTransition | null {
  const living = ranks.filter(({ state }) => !isOver(state));
  const silent = living.filter((rank) => isGone(rank, living));
  if (silent.length === 0 || silent.length === living.length) return null;
  return losing(silent, "last-heard", ({ rank, gang }) => ({
    code: "rank-lost-silent",
    params: { rank, host_name: gang.hostName },
  }));
}

/** After a silence of our own hosts have long to come back; one that the others do not hear either is waited for no longer. */
function isGone({ gang }: Rank, living: readonly Rank[]): boolean {
  if (gang.isUnreachable) return true;
  const isCutOff = living.some(({ gang: other }) => other.isHeard && other.cutOff.includes(gang.address));
  return isCutOff && gang.silentForMs >= UNREACHABLE_AFTER_MS;
}

/** What others tell each other goes nowhere there, though its host answers for it. */
function afterFreeze(ranks: readonly Rank[]): GangTransition | null {
  const frozen = ranks.filter(
    ({ state, gang, progress }) =>
      !isOver(state) && gang.isHeard && (progress?.frozenForMs ?? 0) >= FROZEN_LIMIT_MS,
  );
  if (frozen.length === 0) return null;
  const seconds = FROZEN_LIMIT_MS / MS_PER_SECOND;
  return losing(frozen, "frozen", ({ rank, gang }) => ({
    code: "rank-lost-frozen",
    params: { rank, host_name: gang.hostName, seconds },
  }));
}

/**
 * Only before all ranks have begun: later a rank is told as one that has not where its host lost its journal and adopts the
 * container anew, which runs.
 */
function afterNoBeginning(ranks: readonly Rank[]): GangTransition | null {
  const late = ranks.filter(
    (rank) => !hasBegun(rank) && (rank.gang.releasedForMs ?? 0) >= LETTING_GO_LIMIT_MS,
  );
  if (late.length === 0) return null;
  const minutes = LETTING_GO_LIMIT_MS / MS_PER_MINUTE;
  return losing(late, "released", ({ rank, gang }) => ({
    code: "rank-lost-unbegun",
    params: { rank, host_name: gang.hostName, minutes },
  }));
}

function begins(ranks: readonly Rank[]): GangTransition {
  const late = ranks.filter((rank) => !hasBegun(rank)).map(({ rank }) => String(rank));
  const params = { rank_count: late.length, ranks: { names: late, more: 0 } };
  return { kind: "explains", reason: { code: "ranks-about-to-begin", params } };
}

function losing(lost: readonly Rank[], since: LostSince, why: (rank: Rank) => Reason): GangTransition {
  const reason: Reason = { code: "ranks-lost", params: { ranks: lost.map(why) } };
  return { kind: "loses", status: "stopping", reason, ranks: lost.map(({ rank }) => rank), since };
}

function cutOff(ranks: readonly Rank[]): GangTransition | null {
  const reported = ranks
    .filter(({ state, gang }) => !isOver(state) && gang.cutOff.length > 0)
    .map(({ rank, gang }): Reason => {
      const others = gang.cutOff.map((address) => nameOf(ranks, address));
      return { code: "rank-cut-off", params: { rank, others } };
    });
  return reported.length === 0
    ? null
    : { kind: "explains", reason: { code: "gang-network-broken", params: { ranks: reported } } };
}

function nameOf(ranks: readonly Rank[], address: string): Reason {
  const other = ranks.find(({ gang }) => gang.address === address);
  return other === undefined
    ? { code: "network-address", params: { address } }
    : { code: "rank-on-host", params: { rank: other.rank, host_name: other.gang.hostName } };
}
