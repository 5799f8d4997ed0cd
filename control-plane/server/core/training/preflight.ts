/**
 * Whether a gang goes: all its containers are held until every rank has the same image, every pair of ranks reaches each
 * other both ways and every host is fit. Until then it costs nothing, and each wait has a bound, at whose end it fails
 * and names the pair of ranks or the host. Judges what hosts tell now; how long that has been so comes with it.
 */
import type { Finding } from "@remotegpu/shared/instance/instance";
import { asPhrase, asSentence } from "@remotegpu/shared/values/sentence";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
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
  /** What its host says of it. */
  detail: string;
  gang: RankState;
}

export type PreflightVerdict =
  | { kind: "waits"; sentence: string }
  | { kind: "goes" }
  | {
      kind: "fails";
      /** A sentence. */
      reason: string;
      /** Whose hosts are at fault. */
      ranks: readonly number[];
      /** Hosts that do not reach each other, each with another one. */
      pairs: readonly HostPair[];
    };

/** @param ranks of a gang that is not released, in their order */
export function preflightVerdict(ranks: readonly HeldRank[]): PreflightVerdict {
  const unreachable = ranks.find(({ gang }) => gang.isUnreachable);
  if (unreachable !== undefined)
    return failsOf([unreachable], `Host ${unreachable.gang.hostName} was not heard any more`);
  const unheld = ranks.filter(({ gang }) => gang.heldForMs === null);
  const isOverdue = ranks.some(({ gang }) => gang.placedForMs >= PREFLIGHT_LIMIT_MS);
  if (unheld.length > 0) {
    const missing = unheldPhrase(unheld);
    return isOverdue ? failsOf(unheld, `Not ready within 30 minutes: ${missing}`) : waits(ranks, missing);
  }
  const heldForMs = Math.min(...ranks.map(({ gang }) => gang.heldForMs ?? 0));
  const image = imageObstacle(ranks);
  if (image !== null) return image;
  const bad = ranks.flatMap((rank) =>
    rank.gang.findings.filter(({ isPassed }) => !isPassed).map((finding) => ({ rank, finding })),
  );
  const lasting = bad.filter(({ finding }) => heldForMs >= patienceFor(finding));
  if (lasting.length > 0) return failsOfFindings(ranks, lasting);
  const missing = missingPhrase(ranks, bad);
  if (missing === null) return { kind: "goes" };
  if (heldForMs >= HELD_LIMIT_MS || isOverdue)
    return failsOf(missing.ranks, `Not ready within 5 minutes: ${missing.phrase}`);
  return waits(ranks, missing.phrase);
}

function patienceFor({ check }: Finding): number {
  return PATIENCE_MS[check] ?? PATIENCE_ELSE_MS;
}

function waits(ranks: readonly HeldRank[], what: string): PreflightVerdict {
  const hosts = new Set(ranks.map(({ gang }) => gang.hostId)).size;
  const on = hosts === 1 ? "1 host" : `${hosts} hosts`;
  return { kind: "waits", sentence: asSentence(`Placed on ${on}, free of charge: ${asPhrase(what)}`) };
}

function failsOf(ranks: readonly HeldRank[], reason: string): PreflightVerdict {
  return { kind: "fails", reason: asSentence(reason), ranks: ranks.map(({ rank }) => rank), pairs: [] };
}

function unheldPhrase(unheld: readonly HeldRank[]): string {
  const named = unheld.slice(0, NAMED_RANKS).map(({ rank, detail, gang }) => {
    if (gang.isFetching) return `rank ${rank} fetches the image`;
    if (detail === "") return `rank ${rank} is being made on host ${gang.hostName}`;
    return `rank ${rank} on host ${gang.hostName}: ${asPhrase(detail)}`;
  });
  return [...named, ...others(unheld.length - named.length, "rank")].join("; ");
}

function others(count: number, what: string): string[] {
  return count <= 0 ? [] : [`and ${count} more ${what}${count === 1 ? "" : "s"}`];
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
  return failsOf(
    odd,
    `Rank ${first.rank} on host ${first.gang.hostName} has another image (${first.gang.imageId}) than ` +
      `rank ${model.rank} on host ${model.gang.hostName} (${model.gang.imageId})`,
  );
}

interface BadFinding {
  rank: HeldRank;
  finding: Finding;
}

/** The ways between hosts are theirs both; everything else is one host's. */
function failsOfFindings(ranks: readonly HeldRank[], bad: readonly BadFinding[]): PreflightVerdict {
  const [first] = bad;
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
  const more = others(pairs.size + atFault.size - 1, "finding");
  return {
    kind: "fails",
    reason: asSentence(
      [
        ...(first === undefined ? [] : [`The preflight failed: ${findingPhrase(ranks, first)}`]),
        ...more,
      ].join("; "),
    ),
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

function findingPhrase(ranks: readonly HeldRank[], { rank, finding }: BadFinding): string {
  const other = otherOf(ranks, finding);
  const what = asPhrase(finding.detail);
  const own = `rank ${rank.rank} on host ${rank.gang.hostName}`;
  if (other === undefined) return `${finding.check} of ${own}: ${what}`;
  return `${own} does not reach rank ${other.rank} on host ${other.gang.hostName}: ${what}`;
}

/** What is still to be told, or to become right; null where nothing is. */
function missingPhrase(
  ranks: readonly HeldRank[],
  bad: readonly BadFinding[],
): { phrase: string; ranks: HeldRank[] } | null {
  const silent = ranks.find(({ gang }) => !gang.isHeard);
  if (silent !== undefined) return { phrase: `host ${silent.gang.hostName} is not heard`, ranks: [silent] };
  const [first] = bad;
  if (first !== undefined) return { phrase: findingPhrase(ranks, first), ranks: [first.rank] };
  const nameless = ranks.find(({ gang }) => gang.imageId === null);
  if (nameless !== undefined)
    return { phrase: `rank ${nameless.rank} has not told its image`, ranks: [nameless] };
  for (const rank of ranks) {
    const unlooked = unlookedAt(ranks, rank);
    if (unlooked !== null) return { phrase: `rank ${rank.rank} still looks at ${unlooked}`, ranks: [rank] };
  }
  return null;
}

function unlookedAt(ranks: readonly HeldRank[], { rank, gang: { findings } }: HeldRank): string | null {
  const check = CHECKS_OF_HOSTS.find((one) => !findings.some((finding) => finding.check === one));
  if (check !== undefined) return `its ${check}`;
  const route = ranks.find(
    (other) =>
      other.rank !== rank &&
      !findings.some(({ check: of, address }) => of === NETWORK && address === other.gang.address),
  );
  return route === undefined ? null : `the way to rank ${route.rank}`;
}
