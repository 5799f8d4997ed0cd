/**
 * Identities of the operator's provider and the accounts that they are linked to, each found by the issuer and the subject
 * of a token and by nothing else; and the links that invite somebody to link theirs.
 */
import type { Connection, Transaction } from "../database/database.ts";

/** That may log in, of one account. */
export const MAX_IDENTITIES = 20;
/** That could still be used, of one account. */
export const MAX_OPEN_INVITATIONS = 5;

export interface IdentityRow {
  id: number;
  customer_id: number;
  issuer: string;
  subject: string;
  created_at: Date;
  last_login_at: Date | null;
}

export interface LinkedIdentity {
  id: number;
  customerId: number;
  isAdminAccount: boolean;
  sessionKeyId: number | null;
}

const COLUMNS = "id, customer_id, issuer, subject, created_at, last_login_at";

/** Held for the rest of the transaction; null for one that is linked to no account. */
export async function holdIdentity(
  sql: Transaction,
  { issuer, subject }: { issuer: string; subject: string },
): Promise<LinkedIdentity | null> {
  const { rows } = await sql.query<LinkedIdentity>(
    `SELECT i.id, i.customer_id AS "customerId", c.user_type IS NOT DISTINCT FROM 'admin' AS "isAdminAccount",
            i.session_key_id AS "sessionKeyId"
       FROM customer_identities i JOIN customers c ON c.id = i.customer_id
      WHERE i.issuer = $1 AND i.subject = $2 AND i.unlinked_at IS NULL AND c.deleted_at IS NULL FOR NO KEY UPDATE OF i`,
    [issuer, subject],
  );
  return rows[0] ?? null;
}

/** Null where it is linked already, to whichever account; "full" where the account has as many as it may have. */
export async function insertIdentity(
  sql: Transaction,
  identity: { customerId: number; issuer: string; subject: string; now: Date },
): Promise<IdentityRow | "full" | null> {
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [identity.customerId]);
  const { rows: count } = await sql.query<{ linked: number }>(
    "SELECT count(*) AS linked FROM customer_identities WHERE customer_id = $1 AND unlinked_at IS NULL",
    [identity.customerId],
  );
  if ((count[0]?.linked ?? 0) >= MAX_IDENTITIES) return "full";
  const { rows } = await sql.change<IdentityRow>(
    `INSERT INTO customer_identities (customer_id, issuer, subject, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (issuer, subject) WHERE unlinked_at IS NULL DO NOTHING RETURNING ${COLUMNS}`,
    [identity.customerId, identity.issuer, identity.subject, identity.now],
    { makes: "identity" },
  );
  return rows[0] ?? null;
}

export async function noteLogin(
  sql: Transaction,
  { identityId, sessionKeyId, now }: { identityId: number; sessionKeyId: number | null; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE customer_identities SET last_login_at = $2, session_key_id = coalesce($3, session_key_id) WHERE id = $1`,
    [identityId, now, sessionKeyId],
  );
}

/** That may log in; one row more than the limit. */
export async function identitiesOf(
  sql: Connection,
  customerId: number,
  page: { limit: number; after: number | null },
): Promise<IdentityRow[]> {
  const { rows } = await sql.query<IdentityRow>(
    `SELECT ${COLUMNS} FROM customer_identities
      WHERE customer_id = $1 AND unlinked_at IS NULL AND id > $2 ORDER BY id LIMIT $3`,
    [customerId, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

/** With all the keys that its logins made, sessions included. False where the account has no such identity. */
export async function unlinkIdentity(
  sql: Transaction,
  { customerId, identityId, now }: { customerId: number; identityId: number; now: Date },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    `UPDATE customer_identities SET unlinked_at = $3 WHERE id = $1 AND customer_id = $2 AND unlinked_at IS NULL`,
    [identityId, customerId, now],
  );
  if (rowCount === 0) return false;
  await sql.change("UPDATE api_keys SET revoked_at = $2 WHERE identity_id = $1 AND revoked_at IS NULL", [
    identityId,
    now,
  ]);
  return true;
}

/** Null where the account has as many open ones as there may be. */
export async function insertIdentityInvitation(
  sql: Transaction,
  invitation: { customerId: number; tokenHash: string; now: Date; expiresAt: Date },
): Promise<number | null> {
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [invitation.customerId]);
  const { rows } = await sql.change<{ id: number }>(
    `INSERT INTO identity_invitations (customer_id, token_hash, created_at, expires_at)
     SELECT $1, $2, $3, $4
      WHERE (SELECT count(*) FROM identity_invitations
              WHERE customer_id = $1 AND used_at IS NULL AND expires_at > $3) < $5 RETURNING id`,
    [invitation.customerId, invitation.tokenHash, invitation.now, invitation.expiresAt, MAX_OPEN_INVITATIONS],
    { makes: "identity-invitation" },
  );
  return rows[0]?.id ?? null;
}

/** To whose account it leads; null where it is not known, was used or is over. Of two at once one is answered null. */
export async function useIdentityInvitation(
  sql: Transaction,
  { tokenHash, now }: { tokenHash: string; now: Date },
): Promise<number | null> {
  const { rows } = await sql.change<{ customer_id: number }>(
    `UPDATE identity_invitations SET used_at = $2
      WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING customer_id`,
    [tokenHash, now],
  );
  return rows[0]?.customer_id ?? null;
}

/** The key that an identity's sessions stand on, as this login has it. False where it was revoked. */
export async function renewSessionKey(
  sql: Transaction,
  { apiKeyId, loginRole, expiresAt }: { apiKeyId: number; loginRole: string | null; expiresAt: Date | null },
): Promise<boolean> {
  const { rowCount } = await sql.change(
    "UPDATE api_keys SET login_role = $2, expires_at = $3 WHERE id = $1 AND revoked_at IS NULL",
    [apiKeyId, loginRole, expiresAt],
  );
  return rowCount === 1;
}
