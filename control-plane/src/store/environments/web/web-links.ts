/** One-time links into environments: made by the API, used once by whichever gateway is first. */
import { targetText, type WebTarget } from "../../../core/environments/web-target.ts";
import type { Entry } from "../../../core/gateway/entry.ts";
import type { Connection } from "../../database/database.ts";

interface NewWebLink {
  tokenHash: string;
  environmentId: string;
  target: WebTarget;
  customerId: number;
  keyId: number;
  now: Date;
  expiresAt: Date;
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
  const { rows } = await sql.query<{ customer_id: number; key_id: number }>(
    `UPDATE web_links SET used_at = $4
      WHERE token_hash = $1 AND env_id = $2 AND target = $3 AND used_at IS NULL AND expires_at > $4
      RETURNING customer_id, key_id`,
    [tokenHash, environmentId, targetText(target), now],
  );
  const [row] = rows;
  return row === undefined ? null : { kind: "person", customerId: row.customer_id, keyId: row.key_id };
}
