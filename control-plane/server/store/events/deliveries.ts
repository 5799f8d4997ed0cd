/**
 * Messages to webhooks as they are sent: taken for a try, and what came of it. A try is counted, and the next one set,
 * before it begins; so a server that dies in the middle costs one try and loses no message.
 */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import type { WebhookKind } from "../../core/alerts/webhook-kinds.ts";
import { MAX_WEBHOOK_TRIES, pauseAfterTry, type TryOutcome } from "../../core/alerts/webhook-tries.ts";
import type { Connection, Transaction } from "../database/database.ts";

/** What has ended is shown for so long. */
const RETENTION_MS = 30 * MS_PER_DAY;
const REMOVED_AT_ONCE = 1_000;

export interface DueDelivery {
  readonly id: number;
  readonly webhookId: number;
  readonly url: string;
  readonly customerId: number;
  /** Sealed (core/secrets/webhook-seal.ts). */
  readonly secret: string;
  readonly body: string;
  /** Something waits that could not be handed to this webhook before. */
  readonly fails: boolean;
}

/** In milliseconds, by the number of the try before. */
const PAUSES = Array.from({ length: MAX_WEBHOOK_TRIES }, (_, before) => pauseAfterTry(before + 1));

/**
 * Takes at most one message for each webhook that is not busy, a new one before one that failed. Webhooks that something
 * has failed to reach have places of their own, so that the dead do not keep the living waiting.
 */
export async function takeDue(
  sql: Transaction,
  query: { now: Date; busyWebhookIds: readonly number[]; places: number; placesForFailing: number },
): Promise<DueDelivery[]> {
  const { rows } = await sql.change<DueDelivery>(
    `WITH pending AS (SELECT * FROM webhook_deliveries WHERE delivered_at IS NULL AND given_up_at IS NULL),
     first AS (
       SELECT DISTINCT ON (webhook_id) id, next_try_at,
              EXISTS (SELECT FROM pending o WHERE o.webhook_id = p.webhook_id AND o.tries > 0) AS fails
         FROM pending p
        WHERE next_try_at <= $1 AND tries < $5 AND webhook_id <> ALL($2::bigint[])
        ORDER BY webhook_id, tries > 0, next_try_at, id),
     chosen AS (
       (SELECT id, fails FROM first WHERE NOT fails ORDER BY next_try_at, id LIMIT $3)
       UNION ALL (SELECT id, fails FROM first WHERE fails ORDER BY next_try_at, id LIMIT $4))
     UPDATE webhook_deliveries d
        SET tries = d.tries + 1, last_try_at = $1,
            next_try_at = $1 + ($6::bigint[])[d.tries + 1] * interval '1 millisecond'
       FROM chosen c, webhooks w
      WHERE d.id = c.id AND w.id = d.webhook_id AND d.next_try_at <= $1
        AND d.delivered_at IS NULL AND d.given_up_at IS NULL
     RETURNING d.id, d.webhook_id AS "webhookId", w.url, w.customer_id AS "customerId", w.secret, d.body, c.fails`,
    [query.now, query.busyWebhookIds, query.places, query.placesForFailing, MAX_WEBHOOK_TRIES, PAUSES],
  );
  return rows;
}

/** After the last try that failed it is given up. */
export async function writeOutcome(
  sql: Transaction,
  { id, outcome, now }: { id: number; outcome: TryOutcome; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE webhook_deliveries
        SET last_status = $2, last_error = $3, last_answer = $4,
            delivered_at = CASE WHEN $5 THEN $6::timestamptz END,
            given_up_at = CASE WHEN NOT $5 AND tries >= $7 THEN $6::timestamptz END
      WHERE id = $1 AND delivered_at IS NULL AND given_up_at IS NULL`,
    [id, outcome.status, outcome.error, outcome.answer, outcome.delivered, now, MAX_WEBHOOK_TRIES],
  );
}

/** Ends those whose last try nobody lived to write down, and removes what ended long ago. */
export async function tidyDeliveries(sql: Transaction, now: Date): Promise<void> {
  await sql.change(
    `UPDATE webhook_deliveries SET given_up_at = $1, last_error = coalesce(last_error, 'the server died meanwhile')
      WHERE delivered_at IS NULL AND given_up_at IS NULL AND next_try_at <= $1 AND tries >= $2`,
    [now, MAX_WEBHOOK_TRIES],
  );
  await sql.change(
    `DELETE FROM webhook_deliveries WHERE id IN (
       SELECT id FROM (SELECT id, created_at FROM webhook_deliveries ORDER BY id LIMIT $2) oldest
        WHERE created_at < $1) AND (delivered_at IS NOT NULL OR given_up_at IS NOT NULL)`,
    [new Date(now.getTime() - RETENTION_MS), REMOVED_AT_ONCE],
  );
}

export interface DeliveryRow {
  id: number;
  webhook_id: number;
  alert_id: number | null;
  kind: string;
  body: string;
  created_at: Date;
  tries: number;
  /** The time of the next try; meaningless of one that has ended. */
  next_try_at: Date;
  last_try_at: Date | null;
  last_status: number | null;
  last_error: string | null;
  last_answer: string | null;
  delivered_at: Date | null;
  given_up_at: Date | null;
}

export const DELIVERY_COLUMNS = `id, webhook_id, alert_id, kind, body, created_at, tries, next_try_at, last_try_at,
  last_status, last_error, last_answer, delivered_at, given_up_at`;

/** Newest first; one more than the limit. */
export async function deliveriesOf(
  sql: Connection,
  /** Messages of these kinds are left out. */
  { webhookId, hidden }: { webhookId: number; hidden: readonly WebhookKind[] },
  page: { limit: number; after: number | null },
): Promise<DeliveryRow[]> {
  const { rows } = await sql.query<DeliveryRow>(
    `SELECT ${DELIVERY_COLUMNS} FROM webhook_deliveries
      WHERE webhook_id = $1 AND ($2::bigint IS NULL OR id < $2) AND kind <> ALL($4::varchar[]) ORDER BY id DESC LIMIT $3`,
    [webhookId, page.after, page.limit + 1, hidden],
  );
  return rows;
}
