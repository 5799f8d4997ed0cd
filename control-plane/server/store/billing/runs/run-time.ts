/**
 * When runs were provably alive: intervals of hosts' monotonic clocks, united by Postgres, and the UTC time at which
 * each boot's clock was zero, which turns them into moments.
 */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { BootZero } from "../../../core/ingest/usage-check.ts";
import { atUtc, type Interval, type ProvenTime, union } from "../../../core/billing/proven-time.ts";
import type { Connection, Transaction } from "../../database/database.ts";

/** A boot cannot be older than this; a host that says so is not believed. */
export const MAX_BOOT_AGE_MS = 20 * 365 * MS_PER_DAY;
/** No heartbeat is waited for longer, so a longer round trip tells nothing about the clocks. */
export const MAX_ROUND_TRIP_MS = 10_000;
/** A host heard of within this time is in contact. */
const IN_CONTACT_MS = 60_000;

interface BootClock {
  hostId: string;
  bootId: string;
  /** The host's clock when it sent the heartbeat. */
  monotonicMs: number;
  receivedAt: Date;
  roundTripMs: number | null;
}

/**
 * Remembers when a boot's clock was zero, as a heartbeat tells it. Of several heartbeats the one with the shortest
 * round trip counts; once usage of the boot was decided, the moment never moves again.
 */
export async function fixBootZero(sql: Connection, clock: BootClock): Promise<void> {
  await fixBootZeros(sql, [clock]);
}

/** The same of several hosts, one boot of each. */
export async function fixBootZeros(sql: Connection, clocks: readonly BootClock[]): Promise<void> {
  const zeros = clocks.filter(({ monotonicMs }) => monotonicMs <= MAX_BOOT_AGE_MS).map(measuredZero);
  if (zeros.length === 0) return;
  await sql.change(
    `INSERT INTO host_boots AS b (host_id, boot_id, utc_at_zero, round_trip_ms, measured_at)
     SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::timestamptz[])
     ON CONFLICT (host_id, boot_id) DO UPDATE
        SET utc_at_zero = EXCLUDED.utc_at_zero, round_trip_ms = EXCLUDED.round_trip_ms, measured_at = EXCLUDED.measured_at
      WHERE b.fixed_at IS NULL AND EXCLUDED.round_trip_ms < coalesce(b.round_trip_ms, ${MAX_ROUND_TRIP_MS})`,
    [
      zeros.map(({ hostId }) => hostId),
      zeros.map(({ bootId }) => bootId),
      zeros.map(({ utcAtZero }) => utcAtZero),
      zeros.map(({ roundTripMs }) => roundTripMs),
      zeros.map(({ receivedAt }) => receivedAt),
    ],
  );
}

function measuredZero({ hostId, bootId, monotonicMs, receivedAt, roundTripMs: reported }: BootClock) {
  const roundTripMs = reported !== null && reported < MAX_ROUND_TRIP_MS ? reported : null;
  const uplinkMs = Math.floor((roundTripMs ?? 0) / 2);
  const utcAtZero = new Date(receivedAt.getTime() - monotonicMs - uplinkMs);
  return { hostId, bootId, utcAtZero, roundTripMs, receivedAt };
}

export interface BootOfHost {
  readonly hostId: string;
  readonly bootId: string;
}

/**
 * How the clocks of these boots stand to UTC, by host and boot; from now on that stays as it is. One that its host has
 * not told us about is missing.
 */
export async function holdBootZeros(
  sql: Transaction,
  boots: readonly BootOfHost[],
  now: Date,
): Promise<Map<string, Map<string, BootZero>>> {
  const columns = [boots.map(({ hostId }) => hostId), boots.map(({ bootId }) => bootId)];
  await sql.change(
    `UPDATE host_boots b SET fixed_at = $3
       FROM (SELECT open.host_id, open.boot_id FROM unnest($1::text[], $2::uuid[]) k (host_id, boot_id)
               JOIN host_boots open USING (host_id, boot_id) WHERE open.fixed_at IS NULL
              ORDER BY open.host_id, open.boot_id FOR NO KEY UPDATE OF open) held
      WHERE b.host_id = held.host_id AND b.boot_id = held.boot_id`,
    [...columns, now],
  );
  const { rows } = await sql.query<{
    host_id: string;
    boot_id: string;
    utc_at_zero: Date;
    measured_at: Date;
  }>(
    `SELECT host_id, boot_id, utc_at_zero, measured_at
       FROM unnest($1::text[], $2::uuid[]) k (host_id, boot_id) JOIN host_boots USING (host_id, boot_id)`,
    columns,
  );
  const ofHosts = Map.groupBy(rows, ({ host_id }) => host_id);
  return new Map(
    [...ofHosts].map(([hostId, zeros]) => [hostId, new Map(zeros.map((row) => [row.boot_id, zeroOf(row)]))]),
  );
}

function zeroOf(row: { utc_at_zero: Date; measured_at: Date }): BootZero {
  return { utcAtZeroMs: row.utc_at_zero.getTime(), measuredAtMs: row.measured_at.getTime() };
}

/**
 * Of boots that we know nothing of, those that will not announce themselves any more: their host talks to us under
 * another boot of which the journal has nothing yet. Then that one began later, and nobody will ever say when these did.
 */
export async function unexpectedBoots<Boot extends BootOfHost & { readonly journalId: string }>(
  sql: Connection,
  boots: readonly Boot[],
  now: Date,
): Promise<Boot[]> {
  const { rows } = await sql.query<{ nth: number }>(
    `SELECT k.nth FROM unnest($1::text[], $2::uuid[], $3::uuid[]) WITH ORDINALITY k (host_id, journal_id, boot_id, nth)
       JOIN hosts h ON h.id = k.host_id
      WHERE h.last_heartbeat > $4 AND h.boot_id <> k.boot_id
        AND NOT EXISTS (SELECT FROM usage_rows u
                         WHERE u.host_id = h.id AND u.journal_id = k.journal_id AND u.boot_id = h.boot_id)`,
    [
      boots.map(({ hostId }) => hostId),
      boots.map(({ journalId }) => journalId),
      boots.map(({ bootId }) => bootId),
      new Date(now.getTime() - IN_CONTACT_MS),
    ],
  );
  return rows.flatMap(({ nth }) => boots[nth - 1] ?? []);
}

/** Adds intervals to what is proven of runs, once for each run and boot; what is there already changes nothing. */
export async function addProvenTimes(
  sql: Transaction,
  times: readonly (BootOfHost & { runId: string; intervals: readonly Interval[] })[],
): Promise<void> {
  const added = times
    .map((time) => ({ ...time, ranges: union(time.intervals).map((one) => `[${one.fromMs},${one.toMs})`) }))
    .filter(({ ranges }) => ranges.length > 0);
  if (added.length === 0) return;
  await sql.change(
    `INSERT INTO run_time AS t (run_id, host_id, boot_id, proven)
     SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::int8multirange[])
     ON CONFLICT (run_id, host_id, boot_id) DO UPDATE SET proven = t.proven + EXCLUDED.proven`,
    [
      added.map(({ runId }) => runId),
      added.map(({ hostId }) => hostId),
      added.map(({ bootId }) => bootId),
      added.map(({ ranges }) => `{${ranges.join(",")}}`),
    ],
  );
}

/**
 * The union of each run's proven time in UTC; one of which nothing is proven is missing. Time of a boot whose zero is
 * not known yet is left out.
 */
export async function provenTimes(
  sql: Connection,
  runIds: readonly string[],
): Promise<Map<string, ProvenTime>> {
  const { rows } = await sql.query<{ run_id: string; proven: string; utc_at_zero: Date }>(
    // A join, since = ANY of many may be tried one by one on each row of the table.
    `SELECT t.run_id, t.proven, b.utc_at_zero
       FROM unnest($1::text[]) r (id) JOIN run_time t ON t.run_id = r.id JOIN host_boots b USING (host_id, boot_id)`,
    [runIds],
  );
  const intervals = Map.groupBy(rows, (row) => row.run_id);
  return new Map(
    [...intervals].map(([runId, ofRun]) => [
      runId,
      union(ofRun.flatMap((row) => atUtc(parseMultirange(row.proven), row.utc_at_zero.getTime()))),
    ]),
  );
}

/** "{[0,61000),[70000,80000)}" */
function parseMultirange(text: string): Interval[] {
  return [...text.matchAll(/\[(-?\d+),(-?\d+)\)/g)].map((match) => ({
    fromMs: Number(match[1]),
    toMs: Number(match[2]),
  }));
}
