/**
 * Which cards a run holds, and what they mean for its proven time: time is settled up to the last sample at which all of
 * them were good, and a run that lost one is charged no further than that. While a sign of failure is open on one of
 * them, nothing after the last good sample is settled however long that takes; where the sign is only that nothing was
 * heard of the card, it is settled after a while, as where the tool hangs for all.
 */
import type { GpuUuid, RunId } from "@remotegpu/shared/values/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import type { OwnedContainer } from "../container/container.ts";
import type { CardState } from "../gpus/gpu-health.ts";

/** How long rows are held back for a sample that does not come; a tool that hangs must not stop the meter for ever. */
export const HELD_AT_MOST_MS = 600_000;

/** Moments on the monotonic clock. */
export type CardProof =
  /** Rows may be made of time up to `settledMs`; null where nothing is known to wait for. */
  | { kind: "good"; settledMs: number | null }
  /** A sign is open that nothing has confirmed or outlasted: no row is made of time after `lastGoodMs`, and an end counts back to it. */
  | { kind: "suspect"; lastGoodMs: number }
  /** The run's time ends at `lastGoodMs`; null where that is not known any more. */
  | { kind: "lost"; lastGoodMs: number | null };

type Card = Pick<CardState, "cordon" | "sign" | "lastGoodMs">;

/**
 * @param watchedSinceMs since when this life of the agent has looked: samples of the one before are older than they were,
 * since not each of them is written down
 */
export function cardProof(
  gpus: readonly GpuUuid[],
  cards: ReadonlyMap<GpuUuid, Card>,
  { nowMs, watchedSinceMs }: { nowMs: number; watchedSinceMs: number },
): CardProof {
  const known = gpus.flatMap((uuid) => cards.get(uuid) ?? []);
  const goodMs = known.map(lastGoodOf);
  const lastGoodMs = goodMs.length === 0 ? null : Math.min(...goodMs);
  if (known.some(({ cordon }) => cordon?.kind === "fatal")) return { kind: "lost", lastGoodMs };
  const isOverdue = (goodMs: number) => nowMs - Math.max(goodMs, watchedSinceMs) > HELD_AT_MOST_MS;
  const isHeld = ({ sign, lastGoodMs: goodMs }: Card) =>
    sign !== null && (sign.isEvidence || !isOverdue(goodMs ?? NEVER_MS));
  if (known.some(isHeld)) return { kind: "suspect", lastGoodMs: lastGoodMs ?? NEVER_MS };
  return { kind: "good", settledMs: lastGoodMs === null || isOverdue(lastGoodMs) ? null : lastGoodMs };
}

/**
 * Of a boot that has ended: how far the time of a run in it is proven, on that boot's clock; null where its cards were well.
 * @param cards as they were known last in that boot
 * @param seenMs when the run was seen last in it
 */
export function provenInBoot(
  gpus: readonly GpuUuid[],
  cards: ReadonlyMap<GpuUuid, Card>,
  seenMs: number,
): number | null {
  const proof = cardProof(gpus, cards, { nowMs: seenMs, watchedSinceMs: NEVER_MS });
  return proof.kind === "good" ? null : proof.lastGoodMs;
}

/** A card that was never read well in this boot, as one whose cordon was lifted before that, has no time that is proven. */
function lastGoodOf({ lastGoodMs }: Card): number {
  return lastGoodMs ?? NEVER_MS;
}

/** Before all time of this boot. */
const NEVER_MS = 0;

/** By the orders, and by the labels of containers that nobody orders any more. */
export function cardsOfRuns(
  orders: readonly DesiredInstance[],
  containers: readonly OwnedContainer[],
): Map<RunId, GpuUuid[]> {
  const ordered = orders.map(({ runId, spec }) => ({ runId, gpus: spec.gpus }));
  const labelled = containers.map(({ owner }) => owner);
  return new Map([...labelled, ...ordered].map(({ runId, gpus }) => [runId, gpus.map(({ uuid }) => uuid)]));
}
