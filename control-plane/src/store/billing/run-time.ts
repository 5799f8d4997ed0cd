/**
 * When runs were provably alive: intervals of hosts' monotonic clocks, united by Postgres, and the UTC time at which
 * each boot's clock was zero, which turns them into moments.
 */
import { MS_PER_DAY } from "@remotegpu/shared/units";
import type { BootZero } from "../../core/usage-check.ts";
import { atUtc, type Interval, type ProvenTime, totalMs, union } from "../../core/proven-time.ts";
import type { Connection } from "../database.ts";

/** A boot cannot be older than this; a host that says so is not believed. */
export const MAX_BOOT_AGE_MS = 20 * 365 * MS_PER_DAY;
/** No heartbeat is waited for longer, so a longer round trip tells nothing about the clocks. */
export const MAX_ROUND_TRIP_MS = 10_000;
/** A host heard of within this time is in contact. */
const IN_CONTACT_MS = 60_000;

/**
 * Remembers when a boot's clock was zero, as a heartbeat tells it. Of several heartbeats the one with the shortest
 * round trip counts; once usage of the boot was decided, the moment never moves again.
 */
export async function fixBootZero(
  connection: Connection,
  heartbeat: {
    hostId: string;
    bootId: string;
    /** The host's clock when it sent the heartbeat. */
    monotonicMs: number;
    receivedAt: Date;
    roundTripMs: number | null;
  },
): Promise<void> {
  if (heartbeat.monotonicMs > MAX_BOOT_AGE_MS) return;
  const isTelling = heartbeat.roundTripMs !== null && heartbeat.roundTripMs < MAX_ROUND_TRIP_MS;
  const roundTripMs = isTelling ? heartbeat.roundTripMs : null;
  const uplinkMs = Math.floor((roundTripMs ?? 0) / 2);
  await connection.query(
    `INSERT INTO host_boots AS b (host_id, boot_id, utc_at_zero, round_trip_ms, measured_at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (host_id, boot_id) DO UPDATE
        SET utc_at_zero = EXCLUDED.utc_at_zero, round_trip_ms = EXCLUDED.round_trip_ms, measured_at = EXCLUDED.measured_at
      WHERE b.fixed_at IS NULL AND EXCLUDED.round_trip_ms < coalesce(b.round_trip_ms, ${MAX_ROUND_TRIP_MS})`,
    [
      heartbeat.hostId,
      heartbeat.bootId,
      new Date(heartbeat.receivedAt.getTime() - heartbeat.monotonicMs - uplinkMs),
      roundTripMs,
      heartbeat.receivedAt,
    ],
  );
}

/** How the clock of each boot that the host has told us about stands to UTC; from now on that stays as it is. */
export async function holdBootZeros(
  transaction: Connection,
  { hostId, bootIds, now }: { hostId: string; bootIds: readonly string[]; now: Date },
): Promise<Map<string, BootZero>> {
  await transaction.query(
    "UPDATE host_boots SET fixed_at = $3 WHERE host_id = $1 AND boot_id = ANY($2::uuid[]) AND fixed_at IS NULL",
    [hostId, bootIds, now],
  );
  const { rows } = await transaction.query<{ boot_id: string; utc_at_zero: Date; measured_at: Date }>(
    "SELECT boot_id, utc_at_zero, measured_at FROM host_boots WHERE host_id = $1 AND boot_id = ANY($2::uuid[])",
    [hostId, bootIds],
  );
  return new Map(
    rows.map((row) => [
      row.boot_id,
      { utcAtZeroMs: row.utc_at_zero.getTime(), measuredAtMs: row.measured_at.getTime() },
    ]),
  );
}

/**
 * May a boot that we know nothing of still announce itself? Not where the host talks to us under another boot of which
 * this journal has nothing yet: then that one began later, and nobody will ever say when this one did.
 */
export async function isBootExpected(
  connection: Connection,
  { hostId, journalId, bootId, now }: { hostId: string; journalId: string; bootId: string; now: Date },
): Promise<boolean> {
  const { rowCount } = await connection.query(
    `SELECT FROM hosts h WHERE h.id = $1 AND h.last_heartbeat > $4 AND h.boot_id <> $3
        AND NOT EXISTS (SELECT FROM usage_rows u
                         WHERE u.host_id = h.id AND u.journal_id = $2 AND u.boot_id = h.boot_id)`,
    [hostId, journalId, bootId, new Date(now.getTime() - IN_CONTACT_MS)],
  );
  return rowCount === 0;
}

/** Adds intervals of one boot to what is proven of a run; what is there already changes nothing. */
export async function addProvenTime(
  transaction: Connection,
  time: { runId: string; hostId: string; bootId: string; intervals: readonly Interval[] },
): Promise<void> {
  const ranges = union(time.intervals).map((one) => `[${one.fromMs},${one.toMs})`);
  if (ranges.length === 0) return;
  await transaction.query(
    `INSERT INTO run_time AS t (run_id, host_id, boot_id, proven) VALUES ($1, $2, $3, $4::int8multirange)
     ON CONFLICT (run_id, host_id, boot_id) DO UPDATE SET proven = t.proven + EXCLUDED.proven`,
    [time.runId, time.hostId, time.bootId, `{${ranges.join(",")}}`],
  );
}

/** The union of the run's proven time in UTC. Time of a boot whose zero is not known yet is left out. */
export async function provenTimeOf(connection: Connection, runId: string): Promise<ProvenTime> {
  return (await provenTimes(connection, [runId])).get(runId) ?? [];
}

/** Likewise for several runs; one of which nothing is proven is missing. */
export async function provenTimes(
  connection: Connection,
  runIds: readonly string[],
): Promise<Map<string, ProvenTime>> {
  const { rows } = await connection.query<{ run_id: string; proven: string; utc_at_zero: Date }>(
    `SELECT t.run_id, t.proven, b.utc_at_zero FROM run_time t JOIN host_boots b USING (host_id, boot_id)
      WHERE t.run_id = ANY($1::text[])`,
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

/** Writes the sums of a run's proven time on its row. Hold the run. */
export async function updateProvenTime(transaction: Connection, runId: string): Promise<ProvenTime> {
  const proven = await provenTimeOf(transaction, runId);
  const [first, last] = [proven.at(0), proven.at(-1)];
  if (first === undefined || last === undefined) return proven;
  await transaction.query(
    `UPDATE runs SET uncharged = uncharged OR proven_ms <> $2, proven_ms = $2, first_proven_at = $3, last_proven_at = $4
      WHERE id = $1`,
    [runId, totalMs(proven), new Date(first.fromMs), new Date(last.toMs)],
  );
  return proven;
}

/** "{[0,61000),[70000,80000)}" */
function parseMultirange(text: string): Interval[] {
  return [...text.matchAll(/\[(-?\d+),(-?\d+)\)/g)].map((match) => ({
    fromMs: Number(match[1]),
    toMs: Number(match[2]),
  }));
}
