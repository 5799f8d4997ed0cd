/**
 * One round of proofs in a storage pool: which two members are to show each other their files next, and what follows for
 * each from what they showed. To share is to see one tree, so members fall into groups, and one of each group speaks for it.
 * The group with the most members that were trusted before is the pool; whoever is in another one sees other files.
 */
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { reasonOf } from "../../reasons/plain-reason.ts";
import type { Reason } from "../../reasons/reason.ts";
import type { PoolState } from "./pool-membership.ts";

const PROVED_EVERY_MS = MS_PER_DAY;
/** From one proof that held to the latest that the next one may: so many days may be missed. */
export const PROOF_GRACE_MS = PROVED_EVERY_MS + 2 * MS_PER_DAY;
/** Between tries of one that is not used, and of one that is. */
const TRIED_EVERY_MS = {
  waiting: MS_PER_MINUTE,
  overdue: MS_PER_MINUTE,
  failed: 10 * MS_PER_MINUTE,
} as const;
const TRUSTED_TRIED_EVERY_MS = 10 * MS_PER_MINUTE;
/** What a round may take, so that no other server begins one of the same pool meanwhile. */
const ROUND_LEASE_MS = MS_PER_MINUTE;
const ROUND_LEASE_MS_A_MEMBER = 10_000;
/** How long a new member may take until it can be reached, before a round counts it as one that it missed. */
const REACHED_WITHIN_MS = 2 * MS_PER_MINUTE;
/** Trees that members of one pool see; whoever sees one more is told so without being compared with all of them. */
const MAX_GROUPS = 8;

export interface RoundMember {
  id: string;
  name: string;
  state: PoolState;
  memberSinceMs: number;
  provedAtMs: number | null;
  proofDueAtMs: number | null;
  triedAtMs: number | null;
  /** What came of its last try, where that proved nothing. */
  failure: Reason | null;
}

/** Two members that show each other files. */
export type Pair = readonly [RoundMember, RoundMember];

/** `lost`: the ids of those that have lost the pool's tree by their own word, since it lacks what a proof leaves there. */
export type PairOutcome = { lost: readonly string[] } & (
  | { kind: "shared" }
  | { kind: "apart"; detail: Reason }
  | { kind: "silent"; hostId: string; detail: Reason }
);

export interface Verdict {
  member: RoundMember;
  /** unopposed: nobody was there to prove it with. */
  kind: "proved" | "failed" | "missed" | "unopposed";
  /** Null where it is proved, or nothing was tried. */
  detail: Reason | null;
  /** Another trusted member proved something in this round. */
  hasAuditScope: boolean;
}

/**
 * The members that a round counts: all but one that has just come and cannot be reached yet. It would miss the round, and
 * wait more than a minute for the next.
 */
export function membersOfRound<Member extends RoundMember>(
  members: readonly Member[],
  { isReached, nowMs }: { isReached: (member: Member) => boolean; nowMs: number },
): Member[] {
  return members.filter(
    (member) =>
      isReached(member) ||
      member.state !== "waiting" ||
      member.triedAtMs !== null ||
      nowMs - member.memberSinceMs >= REACHED_WITHIN_MS,
  );
}

/**
 * Whether a round begins now.
 * @param reached those of the pool that can prove anything
 */
export function isRoundDue(
  members: readonly RoundMember[],
  reached: readonly RoundMember[],
  nowMs: number,
): boolean {
  const lastBegunMs = Math.max(0, ...members.map(({ triedAtMs }) => triedAtMs ?? 0));
  const leaseMs = ROUND_LEASE_MS + members.length * ROUND_LEASE_MS_A_MEMBER;
  return nowMs - lastBegunMs >= leaseMs && reached.some((member) => isProofDue(member, nowMs));
}

/** Whether it is time to try a member that can be reached. */
export function isProofDue({ state, provedAtMs, triedAtMs }: RoundMember, nowMs: number): boolean {
  const everyMs = state === "trusted" ? TRUSTED_TRIED_EVERY_MS : TRIED_EVERY_MS[state];
  if (triedAtMs !== null && nowMs - triedAtMs < everyMs) return false;
  return state !== "trusted" || provedAtMs === null || nowMs - provedAtMs >= PROVED_EVERY_MS;
}

/** Those who were trusted before decide; one that failed, or was never proved, does not. */
function isElector({ state }: RoundMember): boolean {
  return state === "trusted" || state === "overdue";
}

/** Electors first, those who have been members for longer before the others. */
function bySeniority(a: RoundMember, b: RoundMember): number {
  return (
    Number(isElector(b)) - Number(isElector(a)) ||
    a.memberSinceMs - b.memberSinceMs ||
    (a.id < b.id ? -1 : Number(a.id > b.id))
  );
}

/**
 * Yields pairs to be compared, one after the other, and is given what came of each. A member is silent from its first
 * request that came to nothing on.
 * @returns a verdict of each member
 */
export function* poolRound(members: readonly RoundMember[]): Generator<Pair, Verdict[], PairOutcome> {
  const groups: RoundMember[][] = [];
  const silent = new Map<string, Reason>();
  const apart = new Map<string, Reason>();
  const lost = new Set<string>();
  for (const member of members.toSorted(bySeniority)) {
    let own: RoundMember[] | null = null;
    for (const group of groups) {
      for (;;) {
        const speaker = group.find(({ id }) => !silent.has(id));
        if (speaker === undefined) break;
        const outcome = yield [speaker, member];
        for (const id of outcome.lost) lost.add(id);
        if (outcome.kind === "silent") silent.set(outcome.hostId, outcome.detail);
        else if (outcome.kind === "apart") apart.set(member.id, outcome.detail);
        else own = group;
        if (outcome.kind !== "silent" || silent.has(member.id)) break;
      }
      if (own !== null || silent.has(member.id)) break;
    }
    if (own !== null) own.push(member);
    else if (!silent.has(member.id) && groups.length < MAX_GROUPS) groups.push([member]);
  }
  const pool = theGroupThatIsThePool(groups, { silent, lost });
  return members.map((member) => verdictOf(member, { pool, silent, apart }));
}

/** Null where nobody who was trusted before answered. */
function theGroupThatIsThePool(
  groups: readonly RoundMember[][],
  { silent, lost }: { silent: ReadonlyMap<string, Reason>; lost: ReadonlySet<string> },
): RoundMember[] | null {
  // Who has lost the tree by its own word gets a voice only where nobody else has one.
  for (const counts of [({ id }: RoundMember) => !lost.has(id), () => true]) {
    const voices = groups.map((group) => {
      const electors = group.filter((one) => isElector(one) && !silent.has(one.id) && counts(one));
      const trusted = electors.filter(({ state }) => state === "trusted").length;
      return { group, trusted, others: electors.length - trusted };
    });
    // Stable: of two with as many voices the one of the senior member.
    const [first] = voices
      .filter(({ trusted, others }) => trusted + others > 0)
      .toSorted((a, b) => b.trusted - a.trusted || b.others - a.others);
    if (first !== undefined) return first.group;
  }
  return null;
}

function verdictOf(
  member: RoundMember,
  {
    pool,
    silent,
    apart,
  }: {
    pool: readonly RoundMember[] | null;
    silent: ReadonlyMap<string, Reason>;
    apart: ReadonlyMap<string, Reason>;
  },
): Verdict {
  const others = (pool ?? []).filter(({ id }) => id !== member.id);
  // One that showed nobody anything says nothing of others: it may be what cannot be reached.
  const hasShared = pool !== null && pool.length > 1;
  const hasAuditScope = hasShared && others.some((other) => isElector(other) && !silent.has(other.id));
  const missed = silent.get(member.id);
  if (missed !== undefined) return { member, kind: "missed", detail: missed, hasAuditScope };
  if (pool === null) return { member, kind: "unopposed", detail: null, hasAuditScope };
  if (pool.includes(member))
    return {
      member,
      kind: others.length > 0 ? "proved" : "unopposed",
      detail: null,
      hasAuditScope,
    };
  const detail = apart.get(member.id) ?? differsFrom(pool[0]?.name ?? "of the pool");
  return { member, kind: "failed", detail, hasAuditScope };
}

function differsFrom(hostName: string): Reason {
  return { code: "pool-files-differ", params: { host_name: hostName } };
}

export interface MemberChange {
  state: PoolState;
  provedAtMs: number | null;
  proofDueAtMs: number | null;
  failure: Reason | null;
}

/** What a verdict makes of a member. One that is missed stays what it is, until it is overdue. */
export function afterVerdict({ member, kind, detail, hasAuditScope }: Verdict, nowMs: number): MemberChange {
  const { state, provedAtMs, proofDueAtMs } = member;
  switch (kind) {
    case "proved":
      return {
        state: "trusted",
        provedAtMs: nowMs,
        proofDueAtMs: nowMs + PROOF_GRACE_MS,
        failure: null,
      };
    case "failed":
      return { state: "failed", provedAtMs, proofDueAtMs, failure: detail };
    case "missed":
    case "unopposed": {
      const isOverdue =
        kind === "missed" &&
        state === "trusted" &&
        hasAuditScope &&
        proofDueAtMs !== null &&
        proofDueAtMs <= nowMs;
      const nobody = state === "waiting" ? reasonOf("pool-members-silent") : null;
      // Why one is out stays said until it is in again.
      const failure = state === "failed" ? member.failure : (detail ?? nobody);
      return { state: isOverdue ? "overdue" : state, provedAtMs, proofDueAtMs, failure };
    }
  }
}
