/** What is kept of cards' readings: one row of each card and hour, whose arrays have a place for each of twelve buckets. */
import {
  BUCKET_MS,
  BUCKETS_PER_HOUR,
  type Measure,
  MEASURES,
  type Spread,
} from "../../../core/hosts/history/gpu-reading.ts";
import type { StoredBucket, Stretch } from "../../../core/hosts/history/gpu-series.ts";
import type { HeardCards } from "../../../core/hosts/history/gpu-tallies.ts";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import type { Connection } from "../../database/database.ts";

/** In the order in which they lie in each measure's array. */
const PARTS = ["min", "mean", "max"] as const;
const SPREADS = MEASURES.flatMap((measure) => PARTS.map((part) => ({ measure, part })));
const COLUMNS = ["samples", ...MEASURES];

/** What the column holds; a host that is heard so often tells nothing more by it. */
const MOST_SAMPLES = 32_767;

/** Rows of one statement that deletes. */
const MAX_FORGOTTEN = 5_000;

/**
 * Adds what one server heard in a bucket to what others did. A host speaks for its own cards alone, also for those that
 * are gone by now. In the order of the cards, so that two servers that write at once do not wait for each other in a circle.
 */
export async function keepHeard(sql: Connection, { atMs, cards }: HeardCards): Promise<void> {
  const hourMs = Math.floor(atMs / MS_PER_HOUR) * MS_PER_HOUR;
  const place = (atMs - hourMs) / BUCKET_MS + 1;
  const values = [
    cards.map(({ readings }) => Math.min(readings.samples, MOST_SAMPLES)),
    ...SPREADS.map(({ measure, part }) => cards.map(({ readings }) => readings[measure]?.[part] ?? null)),
  ];
  const reported = ["samples", ...SPREADS.map(({ measure, part }) => `${measure}_${part}`)];
  const arrays = MEASURES.map((measure) => PARTS.map((part) => inPlace(`t.${measure}_${part}`, place)));
  await sql.change(
    `INSERT INTO gpu_history AS h (gpu_id, hour, ${COLUMNS.join(", ")})
     SELECT g.id, $1, ${[inPlace("t.samples", place), ...arrays.map((parts) => `ARRAY[${parts.join(", ")}]`)].join(", ")}
       FROM unnest($2::text[], $3::text[], ${reported.map((_, at) => `$${at + 4}::int[]`).join(", ")})
            AS t (host_id, uuid, ${reported.join(", ")})
       JOIN gpus g ON g.uuid = t.uuid AND g.host_id = t.host_id
      ORDER BY g.id
     ON CONFLICT (gpu_id, hour) DO UPDATE SET ${[samplesAdded(place), ...MEASURES.flatMap((measure) => merged(measure, place))].join(", ")}`,
    [new Date(hourMs), cards.map(({ hostId }) => hostId), cards.map(({ uuid }) => uuid), ...values],
  );
}

/** An array in which only this place has something. */
function inPlace(value: string, place: number): string {
  const places = Array.from({ length: BUCKETS_PER_HOUR }, (_, at) => (at + 1 === place ? value : "NULL"));
  return `ARRAY[${places.join(", ")}]`;
}

// Where one of the two is null, least, greatest and coalesce answer the other.

function samplesAdded(place: number): string {
  const [ours, added] = [`h.samples[${place}]`, `excluded.samples[${place}]`];
  return `samples[${place}] = least(coalesce(${ours}::int + ${added}, ${ours}, ${added}), ${MOST_SAMPLES})`;
}

function merged(measure: Measure, place: number): string[] {
  const at = (part: number) => `${measure}[${part}][${place}]`;
  const [ours, added] = [`h.samples[${place}]`, `excluded.samples[${place}]`];
  const mean = `round((h.${at(2)}::numeric * ${ours} + excluded.${at(2)}::numeric * ${added}) / (${ours}::int + ${added}))`;
  return [
    `${at(1)} = least(h.${at(1)}, excluded.${at(1)})`,
    `${at(2)} = coalesce(${mean}, h.${at(2)}, excluded.${at(2)})`,
    `${at(3)} = greatest(h.${at(3)}, excluded.${at(3)})`,
  ];
}

type Places = (number | null)[];
type HourRow = { uuid: string; hour: Date; samples: Places } & Record<Measure, [Places, Places, Places]>;

/** The buckets of these cards that begin in the hours of the stretch, in the order of time. */
export async function storedBuckets(
  sql: Connection,
  uuids: readonly string[],
  { fromMs, toMs }: Stretch,
): Promise<ReadonlyMap<string, StoredBucket[]>> {
  const { rows } = await sql.query<HourRow>(
    `SELECT g.uuid, h.hour, ${COLUMNS.map((name) => `h.${name}`).join(", ")}
       FROM gpus g JOIN gpu_history h ON h.gpu_id = g.id
      WHERE g.uuid = ANY($1::text[]) AND h.hour > $2 AND h.hour < $3 ORDER BY h.hour`,
    [uuids, new Date(fromMs - MS_PER_HOUR), new Date(toMs)],
  );
  const stored = new Map(uuids.map((uuid) => [uuid, [] as StoredBucket[]]));
  for (const row of rows) stored.get(row.uuid)?.push(...bucketsOf(row));
  return stored;
}

function bucketsOf(row: HourRow): StoredBucket[] {
  return row.samples.flatMap((samples, at) => {
    if (samples === null) return [];
    const readings = {
      samples,
      utilization: spreadOf(row.utilization, at),
      memory_used: spreadOf(row.memory_used, at),
      temperature: spreadOf(row.temperature, at),
      power: spreadOf(row.power, at),
    };
    return [{ atMs: row.hour.getTime() + at * BUCKET_MS, readings }];
  });
}

function spreadOf([least, means, most]: HourRow[Measure], at: number): Spread | null {
  const [min = null, mean = null, max = null] = [least[at], means[at], most[at]];
  return min === null || mean === null || max === null ? null : { min, mean, max };
}

/** Some thousand rows of hours that began before. Whether there may be more. */
export async function forgetHistory(sql: Connection, before: Date): Promise<boolean> {
  const { rowCount } = await sql.change(
    `DELETE FROM gpu_history WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM gpu_history WHERE hour < $1 ORDER BY hour LIMIT ${MAX_FORGOTTEN}))`,
    [before],
  );
  return rowCount === MAX_FORGOTTEN;
}
