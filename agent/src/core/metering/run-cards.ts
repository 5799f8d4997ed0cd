/**
 * Which cards a run holds, and what they mean for its proven time: time is settled up to the last sample at which all of
 * them were good, and a run that lost one is charged no further than that.
 */
import type { GpuUuid, RunId } from "@remotegpu/shared/ids";
import type { DesiredInstance } from "@remotegpu/shared/instance";
import type { OwnedContainer } from "../container/container.ts";
import type { CardState } from "../gpus/gpu-health.ts";

/** How long rows are held back for a sample that does not come; a tool that hangs must not stop the meter for ever. */
export const HELD_AT_MOST_MS = 600_000;

export type CardProof =
  /** Rows may be made of time up to `settledMs`; null where nothing is known to wait for. */
  | { kind: "good"; settledMs: number | null }
  /** The run's time ends at `lastGoodMs`; null where that is not known any more. */
  | { kind: "lost"; lastGoodMs: number | null };

export function cardProof(
  gpus: readonly GpuUuid[],
  cards: ReadonlyMap<GpuUuid, Pick<CardState, "cordon" | "lastGoodMs">>,
  nowMs: number,
): CardProof {
  const known = gpus.flatMap((uuid) => cards.get(uuid) ?? []);
  const goodMs = known.flatMap(({ lastGoodMs }) => lastGoodMs ?? []);
  const lastGoodMs = goodMs.length === 0 ? null : Math.min(...goodMs);
  if (known.some(({ cordon }) => cordon?.kind === "fatal")) return { kind: "lost", lastGoodMs };
  const isOverdue = lastGoodMs !== null && nowMs - lastGoodMs > HELD_AT_MOST_MS;
  return { kind: "good", settledMs: isOverdue ? null : lastGoodMs };
}

/** By the orders, and by the labels of containers that nobody orders any more. */
export function cardsOfRuns(
  orders: readonly DesiredInstance[],
  containers: readonly OwnedContainer[],
): Map<RunId, GpuUuid[]> {
  const ordered = orders.map(({ runId, spec }) => ({ runId, gpus: spec.gpus }));
  const labelled = containers.map(({ owner }) => owner);
  return new Map([...labelled, ...ordered].map(({ runId, gpus }) => [runId, gpus.map(({ uuid }) => uuid)]));
}
