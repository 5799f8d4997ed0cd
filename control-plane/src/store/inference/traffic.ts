/** What gateways counted of services: written by each of them over and over, and read as sums. */
import type { Answers } from "../../core/inference/rollout/revision-fault.ts";
import type { TrafficCounts } from "../../core/inference/traffic/traffic-counts.ts";
import type { Connection } from "../database/database.ts";

/** Of one gateway: all that it counted so far, in that minute, of answers that this key had of this revision. */
export interface TrafficRow {
  at: { serviceId: string; revision: number; keyName: string | null };
  minute: Date;
  counts: TrafficCounts;
}

/** Of one statement. */
const MAX_ROWS = 500;

const COUNTS = [
  "requests",
  "unanswered",
  "status_1xx",
  "status_2xx",
  "status_3xx",
  "status_4xx",
  "status_5xx",
  "cut_off",
  "bytes",
  "took_buckets",
  "took_ms",
  "first_byte_buckets",
  "first_byte_ms",
  "queued_buckets",
  "queued_ms",
  "token_answers",
  "token_silent",
  "token_ms",
  "prompt_tokens",
  "completion_tokens",
] as const satisfies (keyof TrafficCounts)[];

const COLUMNS = ["service_id", "minute", "gateway", "revision", "key_name", ...COUNTS].join(", ");

/** In place of what that gateway wrote of the same before. */
export async function keepTraffic(
  sql: Connection,
  gateway: string,
  rows: readonly TrafficRow[],
): Promise<void> {
  for (let from = 0; from < rows.length; from += MAX_ROWS) {
    const told = rows.slice(from, from + MAX_ROWS).map(({ at, minute, counts }) => ({
      service_id: at.serviceId,
      minute,
      gateway,
      revision: at.revision,
      key_name: at.keyName ?? "",
      ...counts,
    }));
    await sql.query(
      `INSERT INTO service_traffic (${COLUMNS})
       SELECT ${COLUMNS} FROM jsonb_populate_recordset(NULL::service_traffic, $1::jsonb)
       ON CONFLICT (service_id, minute, gateway, revision, key_name)
       DO UPDATE SET ${COUNTS.map((name) => `${name} = excluded.${name}`).join(", ")}`,
      [JSON.stringify(told)],
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
