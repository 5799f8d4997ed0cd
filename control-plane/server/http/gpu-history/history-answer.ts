/** The history of cards as it is asked for and answered, by administrators and by those who held a card. */
import { z } from "@hono/zod-openapi";
import { MS_PER_DAY, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Spread } from "../../core/hosts/history/gpu-reading.ts";
import { type Point, pointsOf, stepOf, type Stretch } from "../../core/hosts/history/gpu-series.ts";
import { setting } from "../../store/accounts/settings.ts";
import type { Connection } from "../../store/database/database.ts";
import { storedBuckets } from "../../store/hosts/gpus/gpu-history.ts";
import { badField } from "../request/refusal.ts";
import { Timestamp } from "../request/route.ts";

/** The stretch of one answer. */
const MAX_STRETCH_MS = 31 * MS_PER_DAY;

export const historyQuery = {
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
};

const Readings = z.object({ min: z.int(), mean: z.int(), max: z.int() }).nullable().openapi("GpuReadings");

const HistoryPoint = z
  .object({
    at: Timestamp,
    samples: z.int(),
    utilization: Readings,
    memory_used: Readings,
    temperature: Readings,
    power: Readings,
  })
  .openapi("GpuHistoryPoint");

const HistorySeries = z
  .object({
    uuid: z.string(),
    rank: z.int().nullable(),
    from: Timestamp,
    to: Timestamp,
    points: z.array(HistoryPoint),
  })
  .openapi("GpuHistorySeries");

export const GpuHistoryAnswer = z
  .object({ step_seconds: z.int(), series: z.array(HistorySeries), left_out: z.int() })
  .openapi("GpuHistory");
export type GpuHistory = z.infer<typeof GpuHistoryAnswer>;

/**
 * What is asked for as far as something can be kept of it; without from the last day.
 * @throws ApiRefusal naming the field
 */
export async function requestedStretch(
  sql: Connection,
  query: { from?: string | undefined; to?: string | undefined },
  now: Date,
): Promise<Stretch> {
  const toMs = query.to === undefined ? now.getTime() : Date.parse(query.to);
  const fromMs = query.from === undefined ? toMs - MS_PER_DAY : Date.parse(query.from);
  if (fromMs >= toMs) throw badField("from", "period-before-to");
  const storedMs = Number(await setting(sql, "GPU_HISTORY_DAYS")) * MS_PER_DAY;
  const oldestMs = now.getTime() - storedMs;
  const stretch = {
    fromMs: Math.min(Math.max(fromMs, oldestMs), now.getTime()),
    toMs: Math.max(Math.min(toMs, now.getTime()), oldestMs),
  };
  if (stretch.toMs - stretch.fromMs > MAX_STRETCH_MS)
    throw badField("from", { code: "period-too-long", params: { max_days: 31 } });
  return stretch;
}

/** A card, and which part of what is asked for may be told of it. */
interface View {
  readonly uuid: string;
  readonly rank: number | null;
  readonly stretch: Stretch;
}

export async function historyAnswer(
  sql: Connection,
  { requested, cards, leftOut }: { requested: Stretch; cards: readonly View[]; leftOut: number },
): Promise<GpuHistory> {
  const stepMs = stepOf(requested);
  const stored = await storedBuckets(sql, [...new Set(cards.map(({ uuid }) => uuid))], requested);
  const series = cards.map(({ uuid, rank, stretch }) => ({
    uuid,
    rank,
    from: new Date(stretch.fromMs).toISOString(),
    to: new Date(stretch.toMs).toISOString(),
    points: pointsOf(stored.get(uuid) ?? [], stretch, stepMs).map(pointAnswer),
  }));
  return { step_seconds: stepMs / MS_PER_SECOND, series, left_out: leftOut };
}

function pointAnswer({ atMs, readings }: Point): z.infer<typeof HistoryPoint> {
  const of = (spread: Spread | null | undefined) => spread ?? null;
  return {
    at: new Date(atMs).toISOString(),
    samples: readings?.samples ?? 0,
    utilization: of(readings?.utilization),
    memory_used: of(readings?.memory_used),
    temperature: of(readings?.temperature),
    power: of(readings?.power),
  };
}
