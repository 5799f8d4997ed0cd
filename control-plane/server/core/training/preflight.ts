/**
 * Whether a gang goes: all its containers are held until every rank has the same image, every pair of ranks reaches each
 * other both ways and every host is fit. Until then it costs nothing, and each wait has a bound, at whose end it fails
 * and names the pair of ranks or the host. Judges what hosts tell now; how long that has been so comes with it.
 */
import { reportedReason } from "../reasons/host-report.ts";
import type { Finding } from "@remotegpu/shared/instance/instance";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Reason } from "../reasons/reason.ts";
import type { RankState } from "../instances/rank-state.ts";
import type { HostPair } from "../placement/fleet/fleet.ts";

/** What every host is to look at, beside the ways to the other ranks. */
const CHECKS_OF_HOSTS = ["clock", "disk", "shm"];
const NETWORK = "network";
/** So long what was found may still become right, since the last rank was held. A clock does not by itself. */
const PATIENCE_MS: Readonly<Record<string, number>> = { [NETWORK]: 15 * MS_PER_SECOND, clock: 0 };
const PATIENCE_ELSE_MS = 60 * MS_PER_SECOND;
/** Since the last rank was held, and since all of them were placed. */
const HELD_LIMIT_MS = 5 * MS_PER_MINUTE;
export const PREFLIGHT_LIMIT_MS = 30 * MS_PER_MINUTE;
const NAMED_RANKS = 3;

export interface HeldRank {
  rank: number;
  /** What its host says of it; null for nothing. */
  detail: Reason | null;
  gang: RankState;
}

export type PreflightVerdict =
  | { kind: "waits"; reason: Reason }
  | { kind: "goes" }
  | {
      kind: "fails";
      reason: Reason;
      /** Whose hosts are at fault. */
      ranks: readonly number[];
      /** Hosts that do not reach each other, each with another one. */
      pairs: readonly HostPair[];
    };

/** @param ranks of a gang that is not released, in their order */
export function preflightVerdict(ranks: readonly HeldRank[]): PreflightVerdict {
  const unreachable = ranks.find(({ gang }) => gang.isUnreachable);
  if (unreachable !== undefined)
    return failsOf([unreachable], {
      code: "gang-host-silent",
      params: { host_name: unreachable.gang.hostName },
    });
  const unheld = ranks.filter(({ gang }) => gang.heldForMs === null);
  const isOverdue = ranks.some(({ gang }) => gang.placedForMs >= PREFLIGHT_LIMIT_MS);
  if (unheld.length > 0) {
    const missing = unheldReasons(unheld);
    return isOverdue ? failsOf(unheld, notReady(PREFLIGHT_LIMIT_MS, missing)) : waits(ranks, missing);
  }
  const heldForMs = Math.min(...ranks.map(({ gang }) => gang.heldForMs ?? 0));
  const image = imageObstacle(ranks);
  if (image !== null) return image;
  const bad = ranks.flatMap((rank) =>
    rank.gang.findings.filter(({ isPassed }) => !isPassed).map((finding) => ({ rank, finding })),
  );
  const lasting = bad.filter(({ finding }) => heldForMs >= patienceFor(finding));
  if (lasting.length > 0) return failsOfFindings(ranks, lasting);
  const missing = missingReason(ranks, bad);
  if (missing === null) return { kind: "goes" };
  if (heldForMs >= HELD_LIMIT_MS || isOverdue)
    return failsOf(missing.ranks, notReady(HELD_LIMIT_MS, [missing.reason]));
  return waits(ranks, [missing.reason]);
}

function patienceFor({ check }: Finding): number {
  return PATIENCE_MS[check] ?? PATIENCE_ELSE_MS;
}

function waits(ranks: readonly HeldRank[], missing: readonly Reason[]): PreflightVerdict {
  const hosts = new Set(ranks.map(({ gang }) => gang.hostId)).size;
  return { kind: "waits", reason: { code: "gang-placed", params: { host_count: hosts, missing } } };
}

function failsOf(ranks: readonly HeldRank[], reason: Reason): PreflightVerdict {
  return { kind: "fails", reason, ranks: ranks.map(({ rank }) => rank), pairs: [] };
}

function notReady(limitMs: number, missing: readonly Reason[]): Reason {
  return { code: "gang-not-ready", params: { minutes: limitMs / MS_PER_MINUTE, missing } };
}

function unheldReasons(unheld: readonly HeldRank[]): Reason[] {
  const named = unheld.slice(0, NAMED_RANKS).map(unheldReason);
  return [...named, ...others(unheld.length - named.length, "more-ranks")];
}

function unheldReason({ rank, detail, gang }: HeldRank): Reason {
  if (gang.isFetching) return { code: "rank-fetches-image", params: { rank } };
  const place = { rank, host_name: gang.hostName };
  return detail === null
    ? { code: "rank-being-made", params: place }
    : { code: "rank-reports", params: { ...place, why: detail } };
}

function others(more: number, code: "more-ranks" | "more-findings"): Reason[] {
  return more <= 0 ? [] : [{ code, params: { more } }];
}

/** Whoever has another image than most: a name that leads to two contents makes no gang. */
function imageObstacle(ranks: readonly HeldRank[]): PreflightVerdict | null {
  const reported = ranks.filter(({ gang }) => gang.imageId !== null);
  const groups = [...Map.groupBy(reported, ({ gang }) => gang.imageId).values()];
  // Of groups of one size the one with the lowest rank is the first.
  const usual = groups.reduce<HeldRank[]>((most, one) => (one.length > most.length ? one : most), []);
  const [model] = usual;
  const odd = reported.filter((rank) => !usual.includes(rank));
  const [first] = odd;
  if (model === undefined || first === undefined) return null;
  return failsOf(odd, {
    code: "rank-with-other-image",
    params: {
      rank: first.rank,
      host_name: first.gang.hostName,
      image_id: first.gang.imageId ?? "",
      other_rank: model.rank,
      other_host_name: model.gang.hostName,
      other_image_id: model.gang.imageId ?? "",
    },
  });
}

interface BadFinding {
  rank: HeldRank;
  finding: Finding;
}

/** The ways between hosts are theirs both; everything else is one host's. */
function failsOfFindings(ranks: readonly HeldRank[], bad: readonly BadFinding[]): PreflightVerdict {
  const pairs = new Map<string, HostPair>();
  const atFault = new Set<number>();
  for (const { rank, finding } of bad) {
    const other = otherOf(ranks, finding);
    if (other === undefined || other.gang.hostId === rank.gang.hostId) {
      atFault.add(rank.rank);
      continue;
    }
    const pair = pairOf(rank.gang.hostId, other.gang.hostId);
    pairs.set(pair.join(" "), pair);
  }
  const named = bad.slice(0, 1).map((one) => findingReason(ranks, one));
  const findings = [...named, ...others(pairs.size + atFault.size - 1, "more-findings")];
  return {
    kind: "fails",
    reason: { code: "preflight-failed", params: { findings } },
    ranks: [...atFault],
    pairs: [...pairs.values()],
  };
}

/** In one order, whoever of them told it. */
function pairOf(one: string, other: string): HostPair {
  return one < other ? [one, other] : [other, one];
}

function otherOf(ranks: readonly HeldRank[], { check, address }: Finding): HeldRank | undefined {
  return check === NETWORK ? ranks.find(({ gang }) => gang.address === address) : undefined;
}

function findingReason(ranks: readonly HeldRank[], { rank, finding }: BadFinding): Reason {
  const other = otherOf(ranks, finding);
  const own = {
    rank: rank.rank,
    host_name: rank.gang.hostName,
    why: reportedReason(finding.detail, finding.reason),
  };
  if (other === undefined) return { code: "rank-finding", params: { ...own, check: finding.check } };
  const to = { other_rank: other.rank, other_host_name: other.gang.hostName };
  return { code: "rank-not-reached", params: { ...own, ...to } };
}

/** What is still to be told, or to become right; null where nothing is. */
function missingReason(
  ranks: readonly HeldRank[],
  bad: readonly BadFinding[],
): { reason: Reason; ranks: HeldRank[] } | null {
  const silent = ranks.find(({ gang }) => !gang.isHeard);
  if (silent !== undefined) {
    const params = { host_name: silent.gang.hostName };
    return { reason: { code: "rank-host-silent", params }, ranks: [silent] };
  }
  const [first] = bad;
  if (first !== undefined) return { reason: findingReason(ranks, first), ranks: [first.rank] };
  const nameless = ranks.find(({ gang }) => gang.imageId === null);
  if (nameless !== undefined)
    return { reason: { code: "rank-image-unknown", params: { rank: nameless.rank } }, ranks: [nameless] };
  for (const rank of ranks) {
    const unchecked = uncheckedReason(ranks, rank);
    if (unchecked !== null) return { reason: unchecked, ranks: [rank] };
  }
  return null;
}

function uncheckedReason(ranks: readonly HeldRank[], { rank, gang: { findings } }: HeldRank): Reason | null {
  const check = CHECKS_OF_HOSTS.find((one) => !findings.some((finding) => finding.check === one));
  if (check !== undefined) return { code: "rank-checks", params: { rank, check } };
  const route = ranks.find(
    (other) =>
      other.rank !== rank &&
      !findings.some(({ check: of, address }) => of === NETWORK && address === other.gang.address),
  );
  return route === undefined ? null : { code: "rank-checks-route", params: { rank, other_rank: route.rank } };
}
