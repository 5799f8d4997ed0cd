/**
 * What was told to customers about their money: a row for each alert, open until it recovers, with an event and a
 * message to each webhook that asks for its kind, all in the caller's transaction. What is told again changes nothing.
 */
import { formatPoints } from "@remotegpu/shared/values/money";
import type { AlertKind, AlertNotice } from "../../core/alerts/alerts.ts";
import { asReported, type Reason } from "../../core/reasons/reason.ts";
import type { Connection, Transaction } from "../database/database.ts";
import {
  reasonColumns,
  storedReason,
  type StoredReason,
  storedReasonColumn,
} from "../database/values/reason-columns.ts";
import { appendEvent } from "./events.ts";
import { queueAlert } from "./outbox.ts";

/** In their order. There are few: only what crosses a threshold is told. */
export async function notify(
  sql: Transaction,
  { customerId, at, tellings: notices }: { customerId: number; at: Date; tellings: readonly AlertNotice[] },
): Promise<void> {
  for (const notice of notices) {
    const alertId = await writeAlert(sql, { customerId, at, notice });
    if (alertId === null) continue;
    await appendEvent(sql, {
      at,
      kind: "alert",
      customerId,
      actor: "control-plane",
      new: `${notice.kind} ${notice.state}`,
      reason: notice.sentence,
    });
    await queueAlert(sql, { alertId, customerId, at, notice });
  }
}

/** Null where it stands like that already. */
async function writeAlert(
  sql: Transaction,
  { customerId, at, notice }: { customerId: number; at: Date; notice: AlertNotice },
): Promise<number | null> {
  const key = [
    customerId,
    notice.kind,
    notice.threshold === null ? null : formatPoints(notice.threshold),
    notice.month === null ? null : `${notice.month}-01`,
  ];
  const { text, code, params } = reasonColumns(notice.sentence);
  const { rows } = await (notice.state === "fired"
    ? sql.change<{ id: number }>(
        `INSERT INTO alerts (customer_id, kind, threshold, month, value, sentence, fired_at, sentence_code, sentence_params)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id`,
        [...key, notice.value, text, at, code, params],
      )
    : sql.change<{ id: number }>(
        `UPDATE alerts SET recovered_at = $5
          WHERE customer_id = $1 AND kind = $2 AND threshold IS NOT DISTINCT FROM $3::numeric
            AND month IS NOT DISTINCT FROM $4::date AND recovered_at IS NULL RETURNING id`,
        [...key, at],
      ));
  return rows[0]?.id ?? null;
}

export interface AlertRow {
  id: number;
  customer_id: number;
  kind: AlertKind;
  threshold: string | null;
  month: string | null;
  value: string;
  sentence: Reason;
  fired_at: Date;
  recovered_at: Date | null;
}

/** Newest first; one more than the limit. */
export async function alertsOf(
  sql: Connection,
  filter: { customerId: number; kind: AlertKind | null; onlyOpen: boolean },
  page: { limit: number; after: number | null },
): Promise<AlertRow[]> {
  const { rows } = await sql.query<Omit<AlertRow, "sentence"> & { sentence: StoredReason }>(
    `SELECT id, customer_id, kind, threshold, to_char(month, 'YYYY-MM') AS month, value,
            ${storedReasonColumn("a", "sentence")} AS sentence, fired_at, recovered_at
       FROM alerts a
      WHERE customer_id = $1 AND ($2::text IS NULL OR kind = $2) AND (NOT $3 OR recovered_at IS NULL)
        AND ($4::bigint IS NULL OR id < $4)
      ORDER BY id DESC LIMIT $5`,
    [filter.customerId, filter.kind, filter.onlyOpen, page.after, page.limit + 1],
  );
  return rows.map(({ sentence, ...row }) => ({ ...row, sentence: storedReason(sentence) ?? asReported("") }));
}
