/** Where customers want to be told what happens to their money and work: an address, the kinds, and the secret that signs. */
import type { WebhookKind, RequestedKinds } from "../../core/alerts/webhook-kinds.ts";
import type { Connection, Transaction } from "../database/database.ts";

export const MAX_WEBHOOKS = 10;

export interface WebhookRow {
  id: number;
  customer_id: number;
  url: string;
  kinds: WebhookKind[] | null;
  active: boolean;
  created_at: Date;
}

const COLUMNS = "id, customer_id, url, kinds, active, created_at";

/** Null where the customer has as many as one may have. It holds the customer meanwhile. */
export async function insertWebhook(
  sql: Transaction,
  /** The secret is sealed. */
  webhook: { customerId: number; url: string; secret: string; kinds: RequestedKinds; now: Date },
): Promise<WebhookRow | null> {
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [webhook.customerId]);
  const { rows } = await sql.change<WebhookRow>(
    `INSERT INTO webhooks (customer_id, url, secret, kinds, created_at)
     SELECT $1, $2, $3, $4::varchar[], $5 WHERE (SELECT count(*) FROM webhooks WHERE customer_id = $1) < $6
     RETURNING ${COLUMNS}`,
    [webhook.customerId, webhook.url, webhook.secret, webhook.kinds, webhook.now, MAX_WEBHOOKS],
    { makes: "webhook" },
  );
  return rows[0] ?? null;
}

export async function webhooksOf(
  sql: Connection,
  /** Those that ask for any of these kinds are left out. */
  { customerId, hidden }: { customerId: number; hidden: readonly WebhookKind[] },
  page: { limit: number; after: number | null },
): Promise<WebhookRow[]> {
  const { rows } = await sql.query<WebhookRow>(
    `SELECT ${COLUMNS} FROM webhooks WHERE customer_id = $1 AND id > $2
        AND (cardinality($4::varchar[]) = 0 OR (kinds IS NOT NULL AND NOT kinds && $4::varchar[])) ORDER BY id LIMIT $3`,
    [customerId, page.after ?? 0, page.limit + 1, hidden],
  );
  return rows;
}

export async function webhookById(sql: Connection, webhookId: number): Promise<WebhookRow | null> {
  const { rows } = await sql.query<WebhookRow>(`SELECT ${COLUMNS} FROM webhooks WHERE id = $1`, [webhookId]);
  return rows[0] ?? null;
}

/** Null where it is gone. Switched off, what waits for it is given up: nobody wants old news when it is on again. */
export async function updateWebhook(
  sql: Transaction,
  webhook: Pick<WebhookRow, "id" | "url" | "kinds" | "active">,
  now: Date,
): Promise<WebhookRow | null> {
  const { rows } = await sql.change<WebhookRow>(
    `UPDATE webhooks SET url = $2, kinds = $3::varchar[], active = $4 WHERE id = $1 RETURNING ${COLUMNS}`,
    [webhook.id, webhook.url, webhook.kinds, webhook.active],
  );
  if (!webhook.active)
    await sql.change(
      `UPDATE webhook_deliveries SET given_up_at = $2, last_error = 'the webhook was switched off'
        WHERE webhook_id = $1 AND delivered_at IS NULL AND given_up_at IS NULL`,
      [webhook.id, now],
    );
  return rows[0] ?? null;
}

/** What is sealed here signs every message from now on, those that wait included. Null where the webhook is gone. */
export async function replaceSecret(
  sql: Connection,
  { id, secret }: { id: number; secret: string },
): Promise<WebhookRow | null> {
  const { rows } = await sql.change<WebhookRow>(
    `UPDATE webhooks SET secret = $2 WHERE id = $1 RETURNING ${COLUMNS}`,
    [id, secret],
  );
  return rows[0] ?? null;
}

export async function deleteWebhook(sql: Connection, webhookId: number): Promise<void> {
  await sql.change("DELETE FROM webhooks WHERE id = $1", [webhookId]);
}
