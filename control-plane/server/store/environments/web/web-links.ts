/** One-time links into environments: made by the API, used once by whichever gateway is first. */
import { targetText, type WebTarget } from "../../../core/environments/web-target.ts";
import type { Entry } from "../../../core/gateway/entry.ts";
import type { Connection, Transaction } from "../../database/database.ts";

export interface NewWebLink {
  tokenHash: string;
  environmentId: string;
  target: WebTarget;
  customerId: number;
  keyId: number;
  now: Date;
  expiresAt: Date;
}

/** Those whose time is over go with it. */
export async function insertLink(sql: Transaction, link: NewWebLink): Promise<void> {
  await sql.change("DELETE FROM web_links WHERE env_id = $1 AND expires_at < $2", [
    link.environmentId,
    link.now,
  ]);
  await sql.change(
    `INSERT INTO web_links (token_hash, env_id, target, customer_id, key_id, made_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      link.tokenHash,
      link.environmentId,
      targetText(link.target),
      link.customerId,
      link.keyId,
      link.now,
      link.expiresAt,
    ],
  );
}

/** How many of one environment's could still be used. */
export async function countOpenLinks(sql: Connection, environmentId: string, now: Date): Promise<number> {
  const { rows } = await sql.query<{ n: number }>(
    "SELECT count(*) AS n FROM web_links WHERE env_id = $1 AND used_at IS NULL AND expires_at > $2",
    [environmentId, now],
  );
  return rows[0]?.n ?? 0;
}

/** Who comes in by it; null where it is unknown, used, over, or for another origin, and then it is not used up. */
export async function useLink(
  sql: Connection,
  {
    tokenHash,
    environmentId,
    target,
    now,
  }: Pick<NewWebLink, "tokenHash" | "environmentId" | "target" | "now">,
): Promise<Extract<Entry, { kind: "person" }> | null> {
  const { rows } = await sql.change<{ customer_id: number; key_id: number }>(
    `UPDATE web_links SET used_at = $4
      WHERE token_hash = $1 AND env_id = $2 AND target = $3 AND used_at IS NULL AND expires_at > $4
      RETURNING customer_id, key_id`,
    [tokenHash, environmentId, targetText(target), now],
  );
  const [row] = rows;
  return row === undefined ? null : { kind: "person", customerId: row.customer_id, keyId: row.key_id };
}
