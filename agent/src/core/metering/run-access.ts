/**
 * What the device rules of a run's container mean for its proven time: it is settled up to the last probe that passed,
 * and a run that is kept from its cards is charged no further than that.
 */
import type { DeviceAccess, Refusal } from "../container/device-access.ts";
import type { RunRecord } from "../runs/run-record.ts";
import { HELD_AT_MOST_MS, type CardProof } from "./run-cards.ts";
import type { EndOfBoot, Moment, UsageInterval } from "./usage-interval.ts";

/** Before all that is not a row yet: what is a row was settled. */
const THE_BEGINNING_MS = 0;

/**
 * @param cards what the cards themselves say; undefined for a run without any
 * @param access null where nobody can be asked
 */
export function provenByAccess(
  cards: CardProof | undefined,
  { record, access }: { record: RunRecord; access: DeviceAccess | null },
  now: Moment,
): CardProof | undefined {
  if (cards === undefined) return undefined;
  const refusal = openRefusalOf(record, now);
  if (refusal !== null) {
    const lastGoodMs = earlier(refusal.passedMs ?? THE_BEGINNING_MS, lastGoodOf(cards));
    return { kind: refusal.isConfirmed || cards.kind === "lost" ? "lost" : "suspect", lastGoodMs };
  }
  if (cards.kind !== "good" || access === null) return cards;
  const settledMs = settledByAccess(access, now.nowMs);
  return settledMs === null ? cards : { kind: "good", settledMs: earlier(settledMs, cards.settledMs) };
}

/**
 * Of a run whose interval is still open from a boot that has ended: where its time of that boot stops to be its own, for its
 * cards or because it was kept from them; undefined where nothing was in the way.
 * @param cardsGoodMs how far its cards prove that time; null where they were well
 */
export function endOfBoot(
  { refusal }: Pick<RunRecord, "refusal">,
  interval: UsageInterval,
  cardsGoodMs: number | null,
): EndOfBoot | undefined {
  const { bootId } = interval;
  const isRefused = refusal !== undefined && refusal.bootId === bootId && refusal.againMs === null;
  const lastGoodMs = isRefused ? earlier(refusal.passedMs ?? THE_BEGINNING_MS, cardsGoodMs) : cardsGoodMs;
  return lastGoodMs === null ? undefined : { bootId, lastGoodMs };
}

/** When a run that went without its cards got them back, in this boot; null where it did not, or never lost them. */
export function readmittedMs({ refusal }: Pick<RunRecord, "refusal">, { bootId }: Moment): number | null {
  return refusal?.bootId === bootId ? refusal.againMs : null;
}

function openRefusalOf({ refusal }: RunRecord, { bootId }: Moment): Refusal | null {
  return refusal !== undefined && refusal.bootId === bootId && refusal.againMs === null ? refusal : null;
}

/** Null where nothing is waited for: probes that come to nothing must not stop the meter for ever. */
function settledByAccess({ sinceMs, passedMs, refusals }: DeviceAccess, nowMs: number): number | null {
  const isOverdue = refusals === 0 && nowMs - (passedMs ?? sinceMs) > HELD_AT_MOST_MS;
  return isOverdue ? null : (passedMs ?? THE_BEGINNING_MS);
}

function lastGoodOf(cards: CardProof): number | null {
  return cards.kind === "good" ? cards.settledMs : cards.lastGoodMs;
}

function earlier(oneMs: number, otherMs: number | null): number {
  return otherMs === null ? oneMs : Math.min(oneMs, otherMs);
}
