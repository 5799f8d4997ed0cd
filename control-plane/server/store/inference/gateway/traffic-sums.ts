/** What a service answered, read as sums: of a stretch of time, of minutes, of each key and revision, and what it cost. */
import type { TrafficCounts } from "../../../core/inference/traffic/traffic-counts.ts";
import type { Connection } from "../../database/database.ts";
import { SUMS } from "./traffic.ts";

export interface Stretch {
  from: Date;
  /** Beyond it. */
  to: Date;
}

export interface TrafficSums {
  total: TrafficCounts;
  /** The answers among them that gateways gave in place of a replica. */
  own: number;
  keys: (TrafficCounts & { key_name: string })[];
  revisions: (TrafficCounts & { revision: number })[];
}

/** @param keyName null: of all of them */
export async function trafficSums(
  sql: Connection,
  serviceId: string,
  { from, to, keyName }: Stretch & { keyName: string | null },
): Promise<TrafficSums> {
  const { rows } = await sql.query<TrafficCounts & { key_name: string | null; revision: number | null }>(
    `SELECT key_name, revision, ${SUMS} FROM service_traffic
      WHERE service_id = $1 AND minute >= date_trunc('minute', $2::timestamptz) AND minute < $3
        AND ($4::text IS NULL OR key_name = $4)
      GROUP BY GROUPING SETS ((), (key_name), (revision)) ORDER BY key_name, revision`,
    [serviceId, from, to, keyName],
  );
  const total = rows.find(({ key_name, revision }) => key_name === null && revision === null);
  if (total === undefined) throw new Error(`no sum of the traffic of ${serviceId}`);
  const revisions = rows.flatMap(({ revision, ...counts }) =>
    revision === null ? [] : [{ ...counts, revision }],
  );
  return {
    total,
    own: revisions.find(({ revision }) => revision === 0)?.requests ?? 0,
    keys: rows.flatMap(({ key_name, ...counts }) => (key_name === null ? [] : [{ ...counts, key_name }])),
    revisions: revisions.filter(({ revision }) => revision > 0),
  };
}

/** The newest first, those with something in them; a page begins below the minute given. */
export async function trafficMinutes(
  sql: Connection,
  serviceId: string,
  { from, to, keyName, limit }: Stretch & { keyName: string | null; limit: number },
): Promise<(TrafficCounts & { minute: Date })[]> {
  const { rows } = await sql.query<TrafficCounts & { minute: Date }>(
    `SELECT minute, ${SUMS} FROM service_traffic
      WHERE service_id = $1 AND minute >= date_trunc('minute', $2::timestamptz) AND minute < $3
        AND ($4::text IS NULL OR key_name = $4)
      GROUP BY minute ORDER BY minute DESC LIMIT $5`,
    [serviceId, from, to, keyName, limit],
  );
  return rows;
}

/** The traffic of all time, by revision and key. */
export async function trafficEver(
  sql: Connection,
  serviceId: string,
): Promise<(TrafficCounts & { key_name: string; revision: number })[]> {
  const { rows } = await sql.query<TrafficCounts & { key_name: string; revision: number }>(
    `SELECT key_name, revision, ${SUMS} FROM service_traffic WHERE service_id = $1
      GROUP BY key_name, revision ORDER BY revision, key_name`,
    [serviceId],
  );
  return rows;
}

/** Decimals; what nothing can be divided by is null. */
export interface TrafficCost {
  amount: string;
  from: Date;
  /** Until when something was charged; null where nothing was yet. */
  until: Date | null;
  per_thousand_requests: string | null;
  per_million_tokens: string | null;
}

/**
 * What the ledger has of its runs: the charges of time that began in the stretch, which is taken from the full hour on as
 * time is charged by it, and what was given back within it. Divided by what replicas answered until the last of that time:
 * what gateways answer in their place takes nothing of them. Replicas are there for all keys, so a key's part is its share
 * of the requests, and a request or a token costs the same whoever asks.
 * @param keyName null: of all of them
 */
export async function trafficCost(
  sql: Connection,
  serviceId: string,
  { from, to, keyName }: Stretch & { keyName: string | null },
): Promise<TrafficCost> {
  const { rows } = await sql.query<TrafficCost>(
    `WITH asked AS (SELECT date_trunc('hour', $2::timestamptz, 'UTC') AS from_hour),
     charged AS (
       SELECT coalesce(sum(b.amount), 0) AS amount, max(b.end_time) AS until
         FROM billing_records b, asked
        WHERE b.resource_type = 'inference' AND b.resource_id = $1 AND b.start_time >= asked.from_hour AND b.start_time < $3),
     returned AS (
       SELECT coalesce(-sum(e.amount), 0) AS amount
         FROM asked, runs r JOIN ledger_transactions t ON t.run_id = r.id
         JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
        WHERE r.resource_type = 'inference' AND r.resource_id = $1 AND t.at >= asked.from_hour AND t.at < $3
          AND NOT EXISTS (SELECT FROM billing_records b WHERE b.transaction_id = t.id)),
     answered AS (
       SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(prompt_tokens + completion_tokens), 0) AS tokens,
              coalesce(sum(requests) FILTER (WHERE key_name = $4::text), 0) AS of_key
         FROM service_traffic, asked, charged
        WHERE service_id = $1 AND revision > 0 AND minute >= asked.from_hour AND minute < charged.until),
     cost AS (SELECT charged.amount + returned.amount AS amount FROM charged, returned)
     SELECT CASE WHEN $4::text IS NULL THEN cost.amount
                 ELSE coalesce(round(cost.amount * answered.of_key / nullif(answered.requests, 0), 4), 0) END::text AS amount,
            asked.from_hour AS from, charged.until,
            round(cost.amount * 1000 / nullif(answered.requests, 0), 6)::text AS per_thousand_requests,
            round(cost.amount * 1000000 / nullif(answered.tokens, 0), 6)::text AS per_million_tokens
       FROM asked, charged, cost, answered`,
    [serviceId, from, to, keyName],
  );
  const [cost] = rows;
  if (cost === undefined) throw new Error(`no cost of ${serviceId}`);
  return cost;
}
