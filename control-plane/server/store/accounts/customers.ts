/**
 * Customer accounts. There is no password login, so the hash column holds a value that no hash can be. Balances
 * are changed by the ledger only; here they are read.
 */
import { AT_RISK_DAY } from "../../core/alerts/data-at-risk.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { insertPersonalWorkspace } from "./workspaces.ts";

/** Begins like no password hash does: nothing hashes to it. */
const UNUSABLE_PASSWORD_HASH = "!no-password-login";

export type UserType = "admin" | "internal" | "external";

export interface CustomerRow {
  id: number;
  uuid: string;
  username: string;
  email: string;
  display_name: string | null;
  user_type: string;
  account_type: string;
  status: string;
  balance: string;
  credit_limit: string;
  currency: string;
  overdue_status: string;
  overdue_since: Date | null;
  /** It has been overdue for 60 days, and that was told. */
  data_at_risk: boolean;
  last_payment_at: Date | null;
  /** How much of the fleet it is due beside other payers that wait. */
  share_weight: number;
  /** Null where the old system did not say. */
  created_at: Date | null;
  updated_at: Date | null;
  personal_workspace_id: number | null;
}

const AT_RISK = `(c.overdue_status <> 'normal'
    AND EXISTS (SELECT FROM data_risks r WHERE r.customer_id = c.id AND r.notified_day = ${AT_RISK_DAY}))`;
/** Accounts that the old system deleted may say anything else. */
const STATUS = "CASE WHEN c.deleted_at IS NULL THEN c.status ELSE 'deleted' END";
const SELECT = `SELECT c.id, c.uuid, c.username, c.email, c.display_name, c.user_type, c.account_type, ${STATUS} AS status,
    c.balance::text AS balance, c.credit_limit::text AS credit_limit, c.currency, c.overdue_status, c.overdue_since,
    ${AT_RISK} AS data_at_risk, c.last_payment_at, c.share_weight, c.created_at, c.updated_at,
    (SELECT min(w.id) FROM workspaces w
      WHERE w.owner_id = c.id AND w.type = 'personal' AND coalesce(w.status, 'active') = 'active') AS personal_workspace_id
  FROM customers c`;

export async function customerById(sql: Connection, customerId: number): Promise<CustomerRow | null> {
  const { rows } = await sql.query<CustomerRow>(`${SELECT} WHERE c.id = $1 AND c.deleted_at IS NULL`, [
    customerId,
  ]);
  return rows[0] ?? null;
}

export async function customerByUsername(sql: Connection, username: string): Promise<CustomerRow | null> {
  const { rows } = await sql.query<CustomerRow>(`${SELECT} WHERE c.username = $1 AND c.deleted_at IS NULL`, [
    username,
  ]);
  return rows[0] ?? null;
}

/** False where there is no such account. */
export async function setPayersShareWeight(
  sql: Connection,
  customerId: number,
  shareWeight: number,
): Promise<boolean> {
  const { rowCount } = await sql.change(
    "UPDATE customers SET share_weight = $2 WHERE id = $1 AND deleted_at IS NULL",
    [customerId, shareWeight],
  );
  return rowCount > 0;
}

/** Deleted ones where they are asked for. */
export async function listCustomers(
  sql: Connection,
  filter: {
    status: string | null;
    username: string | null;
    email: string | null;
    dataAtRisk: boolean | null;
    page: { limit: number; after: number | null };
  },
): Promise<CustomerRow[]> {
  const { rows } = await sql.query<CustomerRow>(
    `${SELECT} WHERE (c.deleted_at IS NULL OR $2 = 'deleted') AND c.id > $1 AND ($2::text IS NULL OR ${STATUS} = $2)
        AND ($3::text IS NULL OR c.username = $3) AND ($4::text IS NULL OR c.email = $4)
        AND ($6::boolean IS NULL OR ${AT_RISK} = $6)
      ORDER BY c.id LIMIT $5`,
    [
      filter.page.after ?? 0,
      filter.status,
      filter.username,
      filter.email,
      filter.page.limit + 1,
      filter.dataAtRisk,
    ],
  );
  return rows;
}

export type NewCustomer = { made: true; customerId: number } | { made: false; taken: "username" | "email" };

/** Makes the account and its personal workspace. */
export async function insertCustomer(
  sql: Transaction,
  customer: { username: string; email: string; displayName: string | null; userType: UserType },
): Promise<NewCustomer> {
  // DO NOTHING waits for a concurrent insert of the same name, so of two requests one wins and one is told.
  const { rows } = await sql.change<{ id: number }>(
    `INSERT INTO customers (username, email, password_hash, display_name, user_type)
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id`,
    [customer.username, customer.email, UNUSABLE_PASSWORD_HASH, customer.displayName, customer.userType],
    { makes: "customer" },
  );
  const made = rows[0];
  if (made === undefined) {
    const taken = await sql.query("SELECT 1 FROM customers WHERE username = $1", [customer.username]);
    return { made: false, taken: taken.rowCount === 0 ? "email" : "username" };
  }
  await insertPersonalWorkspace(sql, { customerId: made.id, username: customer.username });
  return { made: true, customerId: made.id };
}

export interface CustomerState {
  userType: string;
  status: string;
}

/** Held for the rest of the transaction, with its keys: none is made meanwhile. */
export async function holdCustomer(sql: Transaction, customerId: number): Promise<CustomerState> {
  const { rows } = await sql.query<CustomerState>(
    `SELECT user_type AS "userType", coalesce(status, 'active') AS status FROM customers WHERE id = $1 FOR NO KEY UPDATE`,
    [customerId],
  );
  return rows[0] ?? { userType: "external", status: "deleted" };
}

export interface CustomerChange {
  email?: string | undefined;
  display_name?: string | null | undefined;
  user_type?: UserType | undefined;
  status?: "active" | "suspended" | undefined;
}

/** False when another account has the email. */
export async function updateCustomer(
  sql: Connection,
  customerId: number,
  change: CustomerChange,
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE customers SET email = coalesce($2, email),
            display_name = CASE WHEN $3 THEN $4 ELSE display_name END,
            user_type = coalesce($5, user_type), status = coalesce($6, status)
      WHERE id = $1 AND NOT EXISTS (SELECT FROM customers o WHERE o.email = $2 AND o.id <> $1)`,
    [
      customerId,
      change.email ?? null,
      change.display_name !== undefined,
      change.display_name ?? null,
      change.user_type ?? null,
      change.status ?? null,
    ],
  );
  return rowCount === 1;
}
