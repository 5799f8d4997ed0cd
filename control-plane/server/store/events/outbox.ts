/**
 * Messages to webhooks as they are written: in the transaction of what they tell, so that none is lost and none tells
 * what did not happen. A message's text is made once and sent to the byte at every try.
 */
import { inEnglish } from "../../core/reasons/english/english.ts";
import { formatPoints } from "@remotegpu/shared/values/money";
import type { AlertNotice } from "../../core/alerts/alerts.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { DELIVERY_COLUMNS, type DeliveryRow } from "./deliveries.ts";

/** One for each webhook of the customer that is active and asks for this kind. */
export async function queueAlert(
  sql: Transaction,
  alert: { alertId: number; customerId: number; at: Date; notice: AlertNotice },
): Promise<void> {
  const { notice } = alert;
  const body = JSON.stringify({
    alert_id: alert.alertId,
    customer_id: alert.customerId,
    kind: notice.kind,
    state: notice.state,
    threshold: notice.threshold === null ? null : formatPoints(notice.threshold),
    month: notice.month,
    value: notice.value,
    sentence: inEnglish(notice.sentence),
    sentence_code: notice.sentence.code,
    sentence_params: notice.sentence.params,
    at: alert.at.toISOString(),
  });
  // Held, since a webhook that is deleted in this moment would make the posting itself fail.
  await sql.change(
    `INSERT INTO webhook_deliveries (webhook_id, alert_id, kind, body, created_at, next_try_at)
     SELECT w.id, $2, $3, $4, $5, $5
       FROM (SELECT id FROM webhooks WHERE customer_id = $1 AND active AND (kinds IS NULL OR $3 = ANY(kinds))
              ORDER BY id FOR KEY SHARE) w`,
    [alert.customerId, alert.alertId, notice.kind, body, alert.at],
  );
}

/** Null while an earlier test of this webhook is under way. */
export async function queueTest(
  sql: Connection,
  { webhookId, customerId, now }: { webhookId: number; customerId: number; now: Date },
): Promise<DeliveryRow | null> {
  const sentence = `A test of webhook ${webhookId}: nothing has happened.`;
  const body = JSON.stringify({ kind: "test", customer_id: customerId, sentence, at: now.toISOString() });
  const { rows } = await sql.change<DeliveryRow>(
    `INSERT INTO webhook_deliveries (webhook_id, kind, body, created_at, next_try_at)
     SELECT $1, 'test', $2, $3, $3
      WHERE NOT EXISTS (SELECT FROM webhook_deliveries WHERE webhook_id = $1 AND kind = 'test'
                           AND delivered_at IS NULL AND given_up_at IS NULL)
     RETURNING ${DELIVERY_COLUMNS}`,
    [webhookId, body, now],
  );
  return rows[0] ?? null;
}
