/**
 * Whose time the death of a host makes free: the runs that were open on it when it was last heard. Nothing is decided
 * while the host's journal is behind what it had at its new start, since it may prove that the host had only been cut off.
 */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Cause } from "./waived-spans.ts";
import { deathSpan } from "../../../core/billing/broken-time/broken-spans.ts";
import { deathSentence } from "../../../core/billing/broken-time/broken-sentence.ts";
import type { Connection } from "../../database/database.ts";

const OPEN_THEN = `host_deaths d
  JOIN runs r ON r.host_id = d.host_id AND r.ordered_at <= d.last_heard_at
   AND coalesce(r.closed_at, 'infinity') > d.last_heard_at
  JOIN placements p ON p.instance_id = r.instance_id AND p.epoch = r.epoch
   AND coalesce(p.resources_released_at, 'infinity') > d.last_heard_at`;

/** In a later boot; null where it was not. */
const READY_AGAIN = `(SELECT min(y.ready_at) FROM run_readiness y
   WHERE y.run_id = r.id AND y.boot_id <> d.boot_id AND y.ready_at > d.last_heard_at)`;

/** A journal that is a week behind comes in within minutes. A host that promises rows and sends none is not waited for. */
const JOURNAL_AWAITED_MS = MS_PER_DAY;

export interface HostDeath {
  host_id: string;
  boot_id: string;
}

/** Deaths of which somebody has still to hear, and whose hosts' journals are decided as far as they went then. */
export async function unsettledDeaths(sql: Connection, now: Date): Promise<HostDeath[]> {
  const { rows } = await sql.query<HostDeath>(
    `SELECT d.host_id, d.boot_id FROM host_deaths d JOIN hosts h ON h.id = d.host_id
       LEFT JOIN host_journals j ON j.host_id = d.host_id AND j.journal_id = d.journal_id
      WHERE d.settled_at IS NULL AND (h.deleted_at IS NOT NULL OR d.noticed_at <= $1 OR coalesce(j.watermark >= d.head_seq, true))
      ORDER BY d.noticed_at, d.host_id, d.boot_id`,
    [new Date(now.getTime() - JOURNAL_AWAITED_MS)],
  );
  return rows;
}

/** Runs that have something to hear of it, in the order of their ids. */
export async function runsOfDeath(sql: Connection, death: HostDeath): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT r.id FROM ${OPEN_THEN}
      WHERE d.host_id = $1 AND d.boot_id = $2 AND (${READY_AGAIN} IS NOT NULL OR NOT EXISTS (
              SELECT FROM run_waivers w WHERE w.run_id = r.id AND w.reason = 'host-died' AND w.to_at IS NULL))
      ORDER BY r.id`,
    [death.host_id, death.boot_id],
  );
  return rows.map(({ id }) => id);
}

/** All deaths of hosts under the run, settled ones too. */
export async function deathsOfRun(sql: Connection, runId: string): Promise<Cause[]> {
  const { rows } = await sql.query<{
    host_id: string;
    host_name: string;
    boot_id: string;
    cause: "rebooted" | "lost";
    last_heard_at: Date;
    noticed_at: Date;
    proven_to_at: Date | null;
    ready_again_at: Date | null;
  }>(
    `SELECT d.host_id, h.name AS host_name, d.boot_id, d.cause, d.last_heard_at, d.noticed_at,
            ${READY_AGAIN} AS ready_again_at,
            b.utc_at_zero + make_interval(secs => upper(t.proven) / 1000.0) AS proven_to_at
       FROM ${OPEN_THEN} JOIN hosts h ON h.id = d.host_id
       LEFT JOIN host_boots b ON b.host_id = d.host_id AND b.boot_id = d.boot_id
       LEFT JOIN run_time t ON t.run_id = r.id AND t.host_id = d.host_id AND t.boot_id = d.boot_id
      WHERE r.id = $1 ORDER BY d.noticed_at, d.boot_id`,
    [runId],
  );
  return rows.map(({ proven_to_at: provenTo, ready_again_at: readyAgain, ...death }) => ({
    ...deathSpan({
      lastHeardMs: death.last_heard_at.getTime(),
      provenToMs: provenTo?.getTime() ?? null,
      readyAgainMs: readyAgain?.getTime() ?? null,
    }),
    sentence: deathSentence({
      hostName: death.host_name,
      cause: death.cause,
      lastHeardAt: death.last_heard_at,
      noticedAt: death.noticed_at,
      readyAgainAt: readyAgain,
    }),
    facts: { ...death, ready_again_at: readyAgain },
  }));
}

/** Call when all its runs have heard what there was to hear. What may still become ready again keeps it open. */
export async function settleDeath(sql: Connection, death: HostDeath, now: Date): Promise<void> {
  await sql.change(
    `UPDATE host_deaths SET settled_at = $3
      WHERE host_id = $1 AND boot_id = $2 AND (cause = 'lost' OR NOT EXISTS (
              SELECT FROM ${OPEN_THEN} WHERE d.host_id = $1 AND d.boot_id = $2 AND r.closed_at IS NULL
                 AND p.resources_released_at IS NULL AND (
                     ${READY_AGAIN} IS NULL OR EXISTS (SELECT FROM run_waivers w
                       WHERE w.run_id = r.id AND w.reason = 'host-died' AND w.to_at IS NULL))))`,
    [death.host_id, death.boot_id, now],
  );
}
