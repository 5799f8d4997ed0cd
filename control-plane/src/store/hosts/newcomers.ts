/**
 * Journals and boots of which a host tells for the first time. Each is a row that is kept for good, and the host makes
 * up its id, so a host gets only so many of them a day: far more than a machine that loses its disk or starts over and
 * over needs. Beyond that it is not listened to, and the operators see why.
 */
import { MS_PER_DAY } from "@remotegpu/shared/units";
import { raiseAlarmOnce } from "../alarms.ts";
import type { Connection } from "../database.ts";
import { appendEvent } from "../events.ts";

export const MAX_JOURNALS_A_DAY = 50;
export const MAX_BOOTS_A_DAY = 200;

const NEWCOMERS = {
  journal: { table: "host_journals", id: "journal_id", event: "journal-begun", max: MAX_JOURNALS_A_DAY },
  boot: { table: "host_boots", id: "boot_id", event: "boot-begun", max: MAX_BOOTS_A_DAY },
} as const;

export interface Told {
  hostId: string;
  kind: keyof typeof NEWCOMERS;
  id: string;
  now: Date;
}

/** A phrase that says why this one is not listened to; null for one that is known, or may begin now. */
export async function refusedNewcomer(sql: Connection, told: Told): Promise<string | null> {
  const { hostId, kind, id, now } = told;
  const { table, id: column, event, max } = NEWCOMERS[kind];
  const { rows } = await sql.query<{ begun: number }>(
    `SELECT (SELECT count(*) FROM events e WHERE e.host_id = $1 AND e.kind = $3 AND e.at > $4)::int AS begun
       FROM hosts h WHERE h.id = $1 AND NOT EXISTS (SELECT FROM ${table} t WHERE t.host_id = $1 AND t.${column} = $2)`,
    [hostId, id, event, new Date(now.getTime() - MS_PER_DAY)],
  );
  const [unknown] = rows;
  if (unknown === undefined) return null;
  if (unknown.begun < max) {
    await appendEvent(sql, { at: now, kind: event, hostId, actor: `host ${hostId}`, new: id });
    return null;
  }
  const why = `it has begun ${max} ${kind}s within a day, and tells of one more`;
  const detail = `Host ${hostId} is not listened to: ${why}.`;
  await raiseAlarmOnce(sql, { kind: "too-many-beginnings", subject: `${hostId} ${kind}`, detail, now });
  return why;
}
