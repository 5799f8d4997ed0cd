/**
 * What the history of cards takes: bytes of a card and year with all indexes and what updates leave behind, as it stands
 * once as much goes as comes; and how long a bucket of a large fleet takes to write, and days of a card to read.
 */
import { BUCKET_MS, bucketOf, type Readings } from "@remotegpu/control-plane/core/hosts/history/gpu-reading";
import type { Database } from "@remotegpu/control-plane/store/database/database";
import { forgetHistory, keepHeard, keptBuckets } from "@remotegpu/control-plane/store/hosts/gpu-history";
import { MS_PER_DAY, MS_PER_HOUR } from "@remotegpu/shared/units";
import { benchDatabase, longQuery } from "./bench-database.ts";
import { headLine, valuesLine } from "./comparison.ts";

const CARDS = 200;
/** Fewer than are kept by default, in which no card takes more or less of a year. */
const KEPT_DAYS = 4;
/** The last of them delete as much as they write. */
const DAYS = 6;
const LARGE_FLEET = 40_000;
/** As the server writes them (controllers/hosts/gpu-history.ts). */
const AT_ONCE = 500;
const DAYS_PER_YEAR = 365;
/** Autovacuum's own rule; its clock is too slow for days that take a minute. */
const VACUUM_AT = 0.2;

export async function measureGpuHistory(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const database = await benchDatabase(ending);
  await makeCards(database, LARGE_FLEET);
  const startMs = bucketOf(Date.parse("2026-03-01T00:00:00Z"));
  let dead = 0;
  for (let atMs = startMs; atMs < startMs + DAYS * MS_PER_DAY; atMs += BUCKET_MS) {
    await keepHeard(database, { atMs, cards: heard(atMs, CARDS) });
    dead += CARDS;
    if (atMs % MS_PER_HOUR !== 0) continue;
    while (await forgetHistory(database, new Date(atMs - KEPT_DAYS * MS_PER_DAY)));
    if (dead < VACUUM_AT * CARDS * KEPT_DAYS * 24) continue;
    await longQuery(database, "VACUUM gpu_history");
    dead = 0;
  }
  const bytes = await sizeOf(database);
  const perYear = (of: number) => (of * DAYS_PER_YEAR) / KEPT_DAYS / CARDS;

  const endMs = startMs + DAYS * MS_PER_DAY;
  const readings: number[] = [];
  for (let card = 0; card < CARDS; card += 1)
    readings.push(
      await timed(() =>
        keptBuckets(database, [uuidOf(card)], { fromMs: endMs - KEPT_DAYS * MS_PER_DAY, toMs: endMs }),
      ),
    );
  const writings: number[] = [];
  for (let bucket = 0; bucket < 12; bucket += 1) {
    const cards = heard(endMs + bucket * BUCKET_MS, LARGE_FLEET);
    writings.push(
      await timed(async () => {
        for (let from = 0; from < cards.length; from += AT_ONCE)
          await keepHeard(database, {
            atMs: endMs + bucket * BUCKET_MS,
            cards: cards.slice(from, from + AT_ONCE),
          });
      }),
    );
  }

  say(headLine(`History of ${CARDS} cards, ${KEPT_DAYS} days kept, after ${DAYS} days`));
  say(
    `  of a card and year ${megabytes(perYear(bytes.all))}, of that indexes ${megabytes(perYear(bytes.indexes))}`,
  );
  say(valuesLine(`${KEPT_DAYS} days of a card are read in`, readings, "ms"));
  say(valuesLine(`a bucket of ${LARGE_FLEET} cards is written in`, writings, "ms"));
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

const uuidOf = (card: number) => `GPU-bench-${card}`;

/** A card that works, and whose figures no two buckets share. */
function heard(atMs: number, count: number) {
  const spread = (middle: number, seed: number) => {
    const mean = middle + (seed % 29);
    return { min: mean - (seed % 11), mean, max: mean + (seed % 7) };
  };
  return Array.from({ length: count }, (_, card) => {
    const seed = card * 7919 + atMs / BUCKET_MS;
    const readings: Readings = {
      samples: 30,
      utilization: spread(60, seed),
      memory_used: spread(60_000, seed * 31),
      temperature: spread(60, seed),
      power: spread(500, seed),
    };
    return { hostId: "host-bench", uuid: uuidOf(card), readings };
  });
}

async function makeCards(database: Database, count: number): Promise<void> {
  await database.query("INSERT INTO hosts (id, name, ip_address) VALUES ('host-bench', 'host', '10.0.0.1')");
  await longQuery(
    database,
    `INSERT INTO gpus (host_id, gpu_index, uuid, name)
     SELECT 'host-bench', n, 'GPU-bench-' || n, 'Bench' FROM generate_series(0, ${count - 1}) n`,
  );
  await longQuery(database, "ANALYZE gpus");
}

async function sizeOf(database: Database): Promise<{ all: number; indexes: number }> {
  const { rows } = await database.query<{ all: number; indexes: number }>(
    `SELECT pg_total_relation_size('gpu_history') AS all, pg_indexes_size('gpu_history') AS indexes`,
  );
  return rows[0] ?? { all: 0, indexes: 0 };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
