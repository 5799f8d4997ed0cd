/** Do the books agree? Entries with their transactions, balances with entries, all with zero. */
import type { Connection } from "../database/database.ts";
import { findRows, type Found, type Question } from "./question.ts";

export const MONEY_QUESTIONS: readonly Question[] = [
  {
    check: "transactions-sum-to-zero",
    claim: "Every ledger transaction sums to zero.",
    request: unbalancedTransactions,
  },
  {
    check: "transactions-have-entries",
    claim: "Every ledger transaction has entries.",
    request: emptyTransactions,
  },
  {
    check: "balances-are-sums",
    claim: "Every customer's balance is the sum of its ledger entries.",
    request: differingBalances,
  },
  {
    check: "ledger-sums-to-zero",
    claim: "All ledger entries together sum to zero.",
    request: ledgerTotal,
  },
];

async function unbalancedTransactions(sql: Connection): Promise<Found> {
  return await findRows<{ transaction_id: number; total: string }>(
    sql,
    `SELECT transaction_id, sum(amount) AS total FROM ledger_entries
      GROUP BY transaction_id HAVING sum(amount) <> 0`,
    ({ transaction_id, total }) => ({
      finding: "transaction-unbalanced",
      subject: { transaction: transaction_id },
      sentence: `Its entries sum to ${total}. Entries are never changed: find out who wrote past the database's triggers, and restore or correct with a new entry.`,
    }),
  );
}

async function emptyTransactions(sql: Connection): Promise<Found> {
  return await findRows<{ id: number; source_kind: string; source_id: string }>(
    sql,
    `SELECT id, source_kind, source_id FROM ledger_transactions t
      WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.transaction_id = t.id)`,
    ({ id, source_kind, source_id }) => ({
      finding: "transaction-without-entries",
      subject: { transaction: id },
      sentence: `The ${source_kind} ${source_id} counts as posted and moved nothing: its entries are missing.`,
    }),
  );
}

/**
 * The old system kept no ledger, and an upgrade begins every balance at zero. Whoever wrote old balances by hand, past
 * the ledger, finds those customers told apart from the ones whose books broke here.
 */
async function differingBalances(sql: Connection): Promise<Found> {
  return await findRows<{ customer_id: number; balance: string; entries: string; is_old: boolean }>(
    sql,
    `SELECT c.id AS customer_id, c.balance, coalesce(s.total, 0)::numeric(20,4) AS entries,
            EXISTS (SELECT FROM upgrade_definitions)
              AND (c.created_at IS NULL OR c.created_at < (SELECT min(applied_at) FROM schema_migrations)) AS is_old
       FROM customers c LEFT JOIN (
         SELECT customer_id, sum(amount) AS total FROM ledger_entries WHERE account = 'customer' GROUP BY customer_id) s
         ON s.customer_id = c.id
      WHERE c.balance <> coalesce(s.total, 0)`,
    ({ customer_id, balance, entries, is_old }) => ({
      finding: is_old ? "balance-brought-along" : "balance-differs",
      subject: { customer: customer_id },
      sentence: is_old
        ? `The balance of this customer of the old system is ${balance}, its ledger entries sum to ${entries}: the difference was not posted here. Set the balance to the sum and post the difference as an adjustment.`
        : `The balance is ${balance}, its ledger entries sum to ${entries}. The entries are the truth: find out who wrote the balance, then set it to the sum.`,
    }),
  );
}

async function ledgerTotal(sql: Connection): Promise<Found> {
  return await findRows<{ total: string }>(
    sql,
    "SELECT sum(amount) AS total FROM ledger_entries HAVING sum(amount) <> 0",
    ({ total }) => ({
      finding: "ledger-not-zero",
      subject: { total },
      sentence: "Money came from nowhere or went nowhere; the unbalanced transactions say where.",
    }),
  );
}
