/**
 * For how long an invitation stands: until it is answered, its time is over, or whoever sent it could send it no more.
 * That is the one rule by which invitations are listed, counted, accepted and ended; what is asked of whom is not here.
 */
import { MEMBER_MANAGERS } from "../../core/accounts/access-rights.ts";
import { roleOf } from "./workspaces.ts";
import type { Transaction } from "../database/database.ts";

const MANAGERS = MEMBER_MANAGERS.map((role) => `'${role}'`).join(", ");

/** SQL: who sent `i` may manage the members of its workspace to this day. */
const IS_VOUCHED = `EXISTS (SELECT FROM customers v, workspaces w
    WHERE v.id = i.invited_by AND w.id = i.workspace_id AND v.deleted_at IS NULL AND coalesce(v.status, 'active') = 'active'
      AND (v.user_type = 'admin' OR ${roleOf("v.id")} IN (${MANAGERS})))`;

/** SQL: `i` was not answered, its time is not over, and it is vouched for. */
export const openAt = (now: string) => `(i.ended_at IS NULL AND i.expires_at > ${now} AND ${IS_VOUCHED})`;

/** SQL: the address of `i` is this customer's. */
export const HAS_ADDRESS = "(c.email = i.email OR c.username = i.username)";

/** All of a workspace that stand no more. Call in a transaction that holds the workspace. */
export async function endFallen(
  sql: Transaction,
  { workspaceIds, now }: { workspaceIds: readonly number[]; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE workspace_invitations i SET ended_at = $2
      WHERE i.workspace_id = ANY($1::bigint[]) AND i.ended_at IS NULL AND NOT ${openAt("$2")}`,
    [workspaceIds, now],
  );
  await forgetEnded(sql, { workspaceIds, now });
}

/** Those of one account, wherever, once it has lost some of its rights. Call in the transaction that takes them. */
export async function endFallenOf(
  sql: Transaction,
  { inviterId, now }: { inviterId: number; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT w.id FROM workspaces w
      WHERE w.id IN (SELECT i.workspace_id FROM workspace_invitations i WHERE i.invited_by = $1 AND i.ended_at IS NULL)
      ORDER BY w.id FOR NO KEY UPDATE`,
    [inviterId],
  );
  await endFallen(sql, { workspaceIds: rows.map(({ id }) => id), now });
}

/** Who was invited by one that has ended is so no more; but who was also asked by the other address stays invited by that. */
export async function forgetEnded(
  sql: Transaction,
  { workspaceIds, now }: { workspaceIds: readonly number[]; now: Date },
): Promise<void> {
  const hasEnded = `m.workspace_id = ANY($1::bigint[]) AND m.status = 'invited' AND e.id = m.invitation_id
        AND e.ended_at IS NOT NULL`;
  await sql.change(
    `UPDATE workspace_members m SET invitation_id = i.id, role = i.role
       FROM workspace_invitations e, workspace_invitations i, customers c
      WHERE ${hasEnded} AND c.id = m.customer_id AND i.workspace_id = m.workspace_id AND i.declined_at IS NULL
        AND ${openAt("$2")} AND ${HAS_ADDRESS}`,
    [workspaceIds, now],
  );
  await sql.change(`DELETE FROM workspace_members m USING workspace_invitations e WHERE ${hasEnded}`, [
    workspaceIds,
  ]);
}
