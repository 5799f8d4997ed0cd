/**
 * Who belongs to a storage pool: by an administrator's word, never by the host's own, and only while it is proved. What a
 * host that is not used says of itself to those who wait for it, and which names pools may have.
 */
import type { Feature } from "@remotegpu/shared/features";
import { asPhrase } from "@remotegpu/shared/sentence";

/**
 * trusted: used. waiting: confirmed, not proved yet. failed: it sees other files than the proved members. overdue: it has
 * gone without a proof for too long while others answered.
 */
export const POOL_STATES = ["trusted", "waiting", "failed", "overdue"] as const;
export type PoolState = (typeof POOL_STATES)[number];

/** Agents without it cannot prove anything. */
export const POOL_PROOF_FEATURE = "pool-proof" satisfies Feature;

/** As the control plane makes the ids of hosts: a pool of such a name could become that of a host that is yet to join. */
const HOST_ID = /^host-[0-9a-f]{20}$/;

/** @param hostId whose pool it is to be; null where that host has not joined yet */
export function isLikeAnotherHost(pool: string, hostId: string | null): boolean {
  return pool !== hostId && HOST_ID.test(pool);
}

export interface PoolMembership {
  pool: string;
  /** The pool that it said it belongs to, while nobody has confirmed that. */
  claim: string | null;
  state: PoolState;
  /** A sentence: what came of the last try that proved nothing. */
  failure: string | null;
  features: readonly string[];
}

/** A phrase that says why nothing of its pool is read, written or placed there; null where it is used. */
export function poolObstacle({ pool, claim, state, failure, features }: PoolMembership): string | null {
  if (claim !== null)
    return `it waits for an administrator to confirm that it belongs to storage pool ${claim}`;
  const canProve = features.includes(POOL_PROOF_FEATURE);
  const why = failure === null ? "" : `: ${asPhrase(failure)}`;
  switch (state) {
    case "trusted":
      return null;
    case "waiting":
      return canProve
        ? `it has not proved yet that it shares storage pool ${pool}${why}`
        : `its agent is too old to prove its storage pool, ${pool}`;
    case "failed":
      return `it does not share storage pool ${pool}${why}`;
    case "overdue":
      return canProve
        ? `it has not proved for too long that it shares storage pool ${pool}${why}`
        : `its agent is too old to prove its storage pool, ${pool}`;
  }
}

/** A sentence for administrators of one that is used and yet lacks a proof; null where nothing is lacking. */
export function poolWarning({
  membership,
  proofDueAt,
}: {
  membership: PoolMembership;
  /** When the next proof is due at the latest; null of one that has no other member beside it. */
  proofDueAt: Date | null;
}): string | null {
  const { state, claim, failure, features } = membership;
  if (state !== "trusted" || claim !== null || proofDueAt === null) return null;
  const until = `It is used without one until ${proofDueAt.toISOString()} while others prove theirs.`;
  if (!features.includes(POOL_PROOF_FEATURE))
    return `Its agent is too old to prove its storage pool. ${until}`;
  return failure === null ? null : `Its storage pool was not proved lately. ${failure} ${until}`;
}
