/** The trial balance in detail: what each ledger account sums up to, and whose balance is not what the entries say. */
import type { Connection } from "../../database/database.ts";

export interface AccountTotal {
  account: string;
  total: string;
}

/** It reads every entry: seconds where there are millions. */
export async function accountTotals(sql: Connection): Promise<AccountTotal[]> {
  const { rows } = await sql.query<AccountTotal>(
    "SELECT account, sum(amount)::numeric(38,4) AS total FROM ledger_entries GROUP BY account ORDER BY account",
  );
  return rows;
}

export interface UnbalancedCustomer {
  customer_id: number;
  balance: string;
  /** The sum of the customer's entries. */
  entries: string;
}

/** One more than the limit. */
export async function unbalancedCustomers(
  sql: Connection,
  page: { limit: number; after: number | null },
): Promise<UnbalancedCustomer[]> {
  const { rows } = await sql.query<UnbalancedCustomer>(
    `SELECT c.id AS customer_id, c.balance, coalesce(s.total, 0)::numeric(38,4) AS entries
       FROM customers c
       LEFT JOIN (SELECT customer_id, sum(amount) AS total FROM ledger_entries
                   WHERE account = 'customer' GROUP BY customer_id) s ON s.customer_id = c.id
      WHERE c.balance <> coalesce(s.total, 0) AND ($1::bigint IS NULL OR c.id > $1) ORDER BY c.id LIMIT $2`,
    [page.after, page.limit + 1],
  );
  return rows;
}
