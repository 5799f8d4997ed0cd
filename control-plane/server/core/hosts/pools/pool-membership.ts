/**
 * Who belongs to a storage pool: by an administrator's word, never by the host's own, and only while it is proved. What a
 * host that is not used says of itself to those who wait for it, and which names pools may have.
 */
import type { Feature } from "@remotegpu/shared/instance/features";
import { reasonOf } from "../../reasons/plain-reason.ts";
import type { Reason } from "../../reasons/reason.ts";

/**
 * trusted: used. waiting: confirmed, not proved yet. failed: it sees other files than the proved members. overdue: it has
 * gone without a proof for too long while others answered.
 */
export const POOL_STATES = ["trusted", "waiting", "failed", "overdue"] as const;
export type PoolState = (typeof POOL_STATES)[number];

/** What an event has of the state of a host in its pool. */
export function poolStateReason(state: PoolState): Reason {
  return reasonOf(`pool-state-${state}`);
}

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
  /** What came of the last try that proved nothing. */
  failure: Reason | null;
  features: readonly string[];
}

/** Why nothing of its pool is read, written or placed there; null where it is used. */
export function poolObstacle({ pool, claim, state, failure, features }: PoolMembership): Reason | null {
  if (claim !== null) return { code: "pool-claim-unconfirmed", params: { storage_pool: claim } };
  const storage = { storage_pool: pool };
  const because = failure === null ? null : { ...storage, why: failure };
  switch (state) {
    case "trusted":
      return null;
    case "failed":
      return because === null
        ? { code: "pool-not-shared", params: storage }
        : { code: "pool-not-shared-because", params: because };
    case "waiting":
    case "overdue":
      if (!features.includes(POOL_PROOF_FEATURE)) return { code: "pool-agent-too-old", params: storage };
      return unproved(state, storage, because);
  }
}

function unproved(
  state: "waiting" | "overdue",
  storage: { storage_pool: string },
  because: { storage_pool: string; why: Reason } | null,
): Reason {
  if (state === "waiting")
    return because === null
      ? { code: "pool-not-proved-yet", params: storage }
      : { code: "pool-not-proved-yet-because", params: because };
  return because === null
    ? { code: "pool-proof-overdue", params: storage }
    : { code: "pool-proof-overdue-because", params: because };
}

/** The reason for administrators of one that is used and yet lacks a proof; null where nothing is lacking. */
export function poolWarning({
  membership,
  proofDueAt,
}: {
  membership: PoolMembership;
  /** When the next proof is due at the latest; null of one that has no other member beside it. */
  proofDueAt: Date | null;
}): Reason | null {
  const { state, claim, failure, features } = membership;
  if (state !== "trusted" || claim !== null || proofDueAt === null) return null;
  const until = proofDueAt.toISOString();
  if (!features.includes(POOL_PROOF_FEATURE)) return { code: "pool-proof-impossible", params: { until } };
  return failure === null ? null : { code: "pool-proof-failing", params: { until, why: failure } };
}
