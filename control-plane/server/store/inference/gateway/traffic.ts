/** What gateways counted of services: written by each of them over and over, and put together once it is old. */
import type { Answers } from "../../../core/inference/rollout/revision-fault.ts";
import {
  BUCKETS,
  COUNTERS,
  HISTOGRAMS,
  type TrafficCounts,
} from "../../../core/inference/traffic/traffic-counts.ts";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { Connection, Transaction } from "../../database/database.ts";

/** The counts of one gateway so far, in that minute, of answers that this key had of this revision. */
export interface TrafficRow {
  at: { serviceId: string; revision: number; keyName: string | null };
  minute: Date;
  counts: TrafficCounts;
}

/** The rows of one statement. */
const MAX_ROWS = 500;

const COUNTS = [...COUNTERS, ...HISTOGRAMS];
const COLUMNS = ["service_id", "minute", "gateway", "revision", "key_name", ...COUNTS].join(", ");

/** In place of what that gateway wrote of the same before. */
export async function keepTraffic(
  sql: Connection,
  gateway: string,
  rows: readonly TrafficRow[],
): Promise<void> {
  for (let from = 0; from < rows.length; from += MAX_ROWS) {
    const reported = rows.slice(from, from + MAX_ROWS).map(({ at, minute, counts }) => ({
      service_id: at.serviceId,
      minute,
      gateway,
      revision: at.revision,
      key_name: at.keyName ?? "",
      ...counts,
    }));
    await sql.change(
      `INSERT INTO service_traffic (${COLUMNS})
       SELECT ${COLUMNS} FROM jsonb_populate_recordset(NULL::service_traffic, $1::jsonb)
       ON CONFLICT (service_id, minute, gateway, revision, key_name)
       DO UPDATE SET ${COUNTS.map((name) => `${name} = excluded.${name}`).join(", ")}`,
      [JSON.stringify(reported)],
    );
  }
}

/** What replicas answered since the beginning of that minute, by their revisions; not what was answered in their place. */
export async function answersByRevision(
  sql: Connection,
  serviceId: string,
  since: Date,
): Promise<ReadonlyMap<number, Answers>> {
  const { rows } = await sql.query<Answers & { revision: number }>(
    `SELECT revision, sum(requests - unanswered)::float8 AS requests, sum(status_5xx)::float8 AS failed
       FROM service_traffic
      WHERE service_id = $1 AND minute >= date_trunc('minute', $2::timestamptz) AND revision > 0 GROUP BY revision`,
    [serviceId, since],
  );
  return new Map(rows.map(({ revision, requests, failed }) => [revision, { requests, failed }]));
}

const COUNTED_DAYS = 30;
/** After so long no gateway writes a minute's row over any more. */
export const SETTLED_DAYS = 1;
/** In place of the gateways, in rows that were put together. */
const TOGETHER = "all";
/** Taken together in one transaction. */
const MAX_OLD_ROWS = 5_000;

export const oldestMinute = (now: Date) => new Date(now.getTime() - COUNTED_DAYS * MS_PER_DAY);

/** What is older is one row of each revision and key, under the epoch: counters never fall. Whether there may be more of it. */
export async function compactOldTraffic(sql: Transaction, now: Date): Promise<boolean> {
  const isOld = "minute > 'epoch' AND minute < $1";
  return await putTogether(sql, { isOld, into: "timestamptz 'epoch'", before: oldestMinute(now) });
}

/**
 * A minute is one row of each revision and key, however many gateways there were and however often they began anew. A
 * gateway gives up what it could not write for a day; twice as long leaves room for clocks that differ. Whether there may be
 * more of it.
 */
export async function compactGateways(sql: Transaction, now: Date): Promise<boolean> {
  const before = new Date(now.getTime() - 2 * SETTLED_DAYS * MS_PER_DAY);
  const isOld = `gateway <> '${TOGETHER}' AND minute < $1`;
  return await putTogether(sql, { isOld, into: "minute", before });
}

async function putTogether(
  sql: Transaction,
  { isOld, into, before }: { isOld: string; into: string; before: Date },
): Promise<boolean> {
  const added = [
    ...COUNTERS.map((name) => `${name} = t.${name} + excluded.${name}`),
    ...HISTOGRAMS.map(
      (name) => `${name} = ${eachBucket((nth) => `t.${name}[${nth}] + excluded.${name}[${nth}]`)}`,
    ),
  ];
  const { rows } = await sql.change<{ count: number }>(
    `WITH old AS (
       DELETE FROM service_traffic WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM service_traffic WHERE ${isOld} ORDER BY minute LIMIT ${MAX_OLD_ROWS}))
       RETURNING *),
     kept AS (
       INSERT INTO service_traffic AS t (service_id, minute, gateway, revision, key_name, ${COUNTERS.join(", ")}, ${HISTOGRAMS.join(", ")})
       SELECT service_id, ${into}, '${TOGETHER}', revision, key_name, ${summed()} FROM old
        GROUP BY service_id, ${into}, revision, key_name
       ON CONFLICT (service_id, minute, gateway, revision, key_name) DO UPDATE SET ${added.join(", ")})
     SELECT count(*)::int AS count FROM old`,
    [before],
  );
  return rows[0]?.count === MAX_OLD_ROWS;
}

/** The sums of rows, column by column, in the order of COUNTERS and HISTOGRAMS. */
function summed(): string {
  return [
    ...COUNTERS.map((name) => `sum(${name})`),
    ...HISTOGRAMS.map((name) => eachBucket((nth) => `sum(${name}[${nth}])`)),
  ].join(", ");
}

function eachBucket(of: (nth: number) => string): string {
  return `ARRAY[${Array.from({ length: BUCKETS }, (_, at) => of(at + 1)).join(", ")}]`;
}

/** The same for whoever reads them: numbers, by the names of the columns. */
export const SUMS = [
  ...COUNTERS.map((name) => `coalesce(sum(${name}), 0)::float8 AS ${name}`),
  ...HISTOGRAMS.map(
    (name) => `${eachBucket((nth) => `coalesce(sum(${name}[${nth}]), 0)`)}::float8[] AS ${name}`,
  ),
].join(", ");
