/** What hosts claimed and does not count: set aside whole, each content once, with an alarm for each host and reason. */
import type { Quarantined } from "../../core/ingest/batch-decisions.ts";
import { raiseAlarmsOnce } from "../events/alarms.ts";
import type { Transaction } from "../database/database.ts";

export interface QuarantinedOfHost extends Quarantined {
  readonly hostId: string;
  readonly journalId: string | null;
}

/**
 * Sets rows aside, each content once however often it is sent, and raises one alarm per host and reason while an
 * earlier one is open.
 * @returns by host how many were not known yet
 */
export async function quarantine(
  sql: Transaction,
  rows: readonly QuarantinedOfHost[],
  now: Date,
): Promise<Map<string, number>> {
  if (rows.length === 0) return new Map();
  const distinct = [...Map.groupBy(rows, contentOf).values()].flatMap(([first]) => first ?? []);
  const added = await insertUnknown(sql, distinct, now);
  const alarms = added.map((row) => ({
    subject: `${row.hostId} ${row.reason}`,
    reason: {
      code: "usage-row-refused" as const,
      params: { row: String(row.seq ?? "?"), run_id: row.runId ?? "?", detail: row.reason },
    },
  }));
  await raiseAlarmsOnce(sql, { kind: "usage-quarantined", alarms, now });
  const ofHosts = Map.groupBy(added, ({ hostId }) => hostId);
  return new Map([...ofHosts].map(([hostId, { length }]) => [hostId, length]));
}

/** What makes two rows the same one sent twice. */
function contentOf({ hostId, journalId, seq, hash, reason }: QuarantinedOfHost): string {
  return JSON.stringify([hostId, journalId, seq, hash, reason]);
}

/** In their order, which is that of their ids. */
async function insertUnknown(
  sql: Transaction,
  rows: readonly QuarantinedOfHost[],
  now: Date,
): Promise<Pick<QuarantinedOfHost, "hostId" | "seq" | "runId" | "reason">[]> {
  const { rows: added } = await sql.change<{
    id: number;
    hostId: string;
    seq: number | null;
    runId: string | null;
    reason: string;
  }>(
    `INSERT INTO quarantine (host_id, journal_id, seq, run_id, reason, excess_ms, entry, hash, at)
     SELECT n.host_id, n.journal_id, n.seq, n.run_id, n.reason, n.excess_ms, n.entry, n.hash, $9
       FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::jsonb[], $8::text[])
            WITH ORDINALITY n (host_id, journal_id, seq, run_id, reason, excess_ms, entry, hash, nth)
      WHERE NOT EXISTS (SELECT FROM quarantine q WHERE q.host_id = n.host_id
                           AND q.journal_id IS NOT DISTINCT FROM n.journal_id AND q.seq IS NOT DISTINCT FROM n.seq
                           AND q.hash IS NOT DISTINCT FROM n.hash AND q.reason = n.reason)
      ORDER BY n.nth
     RETURNING id, host_id AS "hostId", seq, run_id AS "runId", reason`,
    [
      rows.map(({ hostId }) => hostId),
      rows.map(({ journalId }) => journalId),
      rows.map(({ seq }) => seq),
      rows.map(({ runId }) => runId),
      rows.map(({ reason }) => reason),
      rows.map(({ excessMs }) => excessMs),
      rows.map(({ entry }) => JSON.stringify(entry)),
      rows.map(({ hash }) => hash),
      now,
    ],
  );
  return added.toSorted((a, b) => a.id - b.id);
}
