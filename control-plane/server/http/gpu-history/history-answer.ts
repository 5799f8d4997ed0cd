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
  from: z.iso.datetime({ offset: true }).optional().openapi({
    description: "From this moment on, as far as it is stored",
    example: "2026-03-01T00:00:00Z",
  }),
  to: z.iso.datetime({ offset: true }).optional().openapi({
    description: "Before this moment; now, if left out",
    example: "2026-03-02T00:00:00Z",
  }),
};

const Readings = z
  .object({
    min: z.int().openapi({ description: "The least of them", example: 3 }),
    mean: z.int().openapi({ description: "Their mean", example: 74 }),
    max: z.int().openapi({ description: "The most of them", example: 99 }),
  })
  .nullable()
  .openapi("GpuReadings");

const HistoryPoint = z
  .object({
    at: Timestamp.describe("When its step begins"),
    samples: z.int().openapi({
      description: "How often it was read then; 0: nobody heard of it",
      example: 30,
    }),
    utilization: Readings,
    memory_used: Readings,
    temperature: Readings,
    power: Readings,
  })
  .openapi("GpuHistoryPoint");

const HistorySeries = z
  .object({
    uuid: z.string().openapi({
      description: "Which GPU",
      example: "GPU-8f3a2b1c-4d5e-6f70-8192-a3b4c5d6e7f8",
    }),
    rank: z.int().nullable().openapi({
      description: "Which instance of the workload held it; null: the request is about the GPU",
      example: 0,
    }),
    from: Timestamp.describe("Nothing before this moment is in it"),
    to: Timestamp.describe("Nothing from this moment on is in it"),
    points: z.array(HistoryPoint).describe("One for each step, in the order of time"),
  })
  .openapi("GpuHistorySeries");

export const GpuHistoryAnswer = z
  .object({
    step_seconds: z.int().openapi({ description: "For how long each point stands", example: 300 }),
    series: z
      .array(HistorySeries)
      .describe("One of each GPU, or of each time for which the workload held one"),
    left_out: z.int().openapi({
      description: "So many more are not in this answer: request a shorter time, or one rank",
      example: 0,
    }),
  })
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
