/** Money that people moved, as it was posted: what charges and storage took is told by bills. */
import type { Connection } from "../../database/database.ts";

export const PAYMENT_KINDS = ["topup", "refund", "adjustment", "writeoff"] as const;

export interface PostedPayment {
  id: number;
  customer_id: number;
  kind: (typeof PAYMENT_KINDS)[number];
  /** What the balance gained. */
  amount: string;
  reason: string | null;
  run_id: string | null;
  actor: string | null;
  at: Date;
}

/** As literals: a partial index is used only where it is known to hold the row. */
const KINDS = PAYMENT_KINDS.map((kind) => `'${kind}'`).join(", ");

/** The payments of a customer, newest first, one row more than the limit. */
export async function postedPayments(
  sql: Connection,
  { customerId, page }: { customerId: number; page: { limit: number; after: number | null } },
): Promise<PostedPayment[]> {
  const { rows } = await sql.query<PostedPayment>(
    `SELECT t.id, t.customer_id, t.source_kind AS kind, e.amount, t.reason, t.run_id, t.actor, t.at
       FROM ledger_transactions t JOIN ledger_entries e ON e.transaction_id = t.id AND e.account = 'customer'
      WHERE t.source_kind IN (${KINDS}) AND t.customer_id = $1 AND ($2::bigint IS NULL OR t.id < $2)
      ORDER BY t.id DESC LIMIT $3`,
    [customerId, page.after, page.limit + 1],
  );
  return rows;
}
