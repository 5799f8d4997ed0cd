/**
 * Journals and boots of which a host tells for the first time. Each is a row that is kept for good, and the host makes
 * up its id, so a host gets only so many of them a day: far more than a machine that loses its disk or starts over and
 * over needs. Beyond that it is not listened to, and the operators see why.
 */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { raiseAlarmsOnce } from "../events/alarms.ts";
import type { Transaction } from "../database/database.ts";
import { appendEvents } from "../events/events.ts";

export const MAX_JOURNALS_A_DAY = 50;
export const MAX_BOOTS_A_DAY = 200;

const NEWCOMERS = {
  journal: { table: "host_journals", id: "journal_id", event: "journal-begun", max: MAX_JOURNALS_A_DAY },
  boot: { table: "host_boots", id: "boot_id", event: "boot-begun", max: MAX_BOOTS_A_DAY },
} as const;

type Kind = keyof typeof NEWCOMERS;

interface Reported {
  readonly hostId: string;
  readonly id: string;
}

/** A phrase that says why this one is not listened to; null for one that is known, or may begin now. */
export async function refusedNewcomer(
  sql: Transaction,
  { hostId, kind, id, now }: Reported & { kind: Kind; now: Date },
): Promise<string | null> {
  return (await refusedNewcomers(sql, kind, [{ hostId, id }], now)).get(hostId) ?? null;
}

/** The same of several hosts, one newcomer of each: phrases of those that are not listened to, by host. */
export async function refusedNewcomers(
  sql: Transaction,
  kind: Kind,
  reported: readonly Reported[],
  now: Date,
): Promise<Map<string, string>> {
  const { table, id: column, event, max } = NEWCOMERS[kind];
  const { rows: unknown } = await sql.query<{ host_id: string; id: string; begun: number }>(
    `SELECT t.host_id, t.id,
            (SELECT count(*) FROM events e WHERE e.host_id = h.id AND e.kind = $3 AND e.at > $4)::int AS begun
       FROM unnest($1::text[], $2::uuid[]) WITH ORDINALITY t (host_id, id, nth) JOIN hosts h ON h.id = t.host_id
      WHERE NOT EXISTS (SELECT FROM ${table} known WHERE known.host_id = t.host_id AND known.${column} = t.id)
      ORDER BY t.nth`,
    [
      reported.map(({ hostId }) => hostId),
      reported.map(({ id }) => id),
      event,
      new Date(now.getTime() - MS_PER_DAY),
    ],
  );
  const begins = unknown.filter(({ begun }) => begun < max);
  await appendEvents(
    sql,
    begins.map(({ host_id: hostId, id }) => ({
      at: now,
      kind: event,
      hostId,
      actor: `host ${hostId}`,
      new: id,
    })),
  );
  const why = `it has begun ${max} ${kind}s within a day, and tells of one more`;
  const refused = unknown.filter(({ begun }) => begun >= max).map(({ host_id }) => host_id);
  const alarms = refused.map((hostId) => ({
    subject: `${hostId} ${kind}`,
    reason: {
      code: "host-begins-too-often" as const,
      params: { host_id: hostId, max_begun: max, thing: kind },
    },
  }));
  await raiseAlarmsOnce(sql, { kind: "too-many-beginnings", alarms, now });
  return new Map(refused.map((hostId) => [hostId, why]));
}
