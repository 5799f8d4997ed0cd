/**
 * What a customer is invited to: rows of workspace_members with the status `invited`. One of the old system has no
 * invitation of ours beside it, and goes by the number of its row until it is answered.
 */
import { recountMembers } from "./workspace-members.ts";
import { LIVE } from "./workspaces.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { openAt } from "./vouching.ts";

export interface InvitationRow {
  id: string;
  workspace_id: number;
  workspace_name: string;
  /** A username; null in rows of the old system, like the times. */
  invited_by: string | null;
  role: string;
  created_at: Date | null;
  expires_at: Date | null;
}

/** $1 is the customer, $2 the present. A role that gives nothing is no invitation. */
const OPEN = `m.customer_id = $1 AND m.status = 'invited' AND w.owner_id <> $1 AND ${LIVE}
    AND coalesce(m.role, 'member') IN ('admin', 'member', 'viewer') AND (m.invitation_id IS NULL OR ${openAt("$2")})`;
const ID = "coalesce(m.invitation_id, m.id::text)";

/** By workspace, for the reason that members are listed by customer. Fetches one row more than the limit. */
export async function invitationsTo(
  sql: Connection,
  { customerId, now, page }: { customerId: number; now: Date; page: { limit: number; after: number | null } },
): Promise<InvitationRow[]> {
  const { rows } = await sql.query<InvitationRow>(
    `SELECT ${ID} AS id, m.workspace_id, w.name AS workspace_name, c.username AS invited_by,
            coalesce(m.role, 'member') AS role, i.created_at, i.expires_at
       FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
       LEFT JOIN workspace_invitations i ON i.id = m.invitation_id LEFT JOIN customers c ON c.id = i.invited_by
      WHERE ${OPEN} AND m.workspace_id > $3 ORDER BY m.workspace_id LIMIT $4`,
    [customerId, now, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

interface Answer {
  customerId: number;
  invitationId: string;
  now: Date;
}

/** The workspace that the customer belongs to now; null where there is no such open invitation. */
export async function acceptInvitation(sql: Transaction, answer: Answer): Promise<number | null> {
  const open = await holdOpen(sql, answer);
  if (open === null) return null;
  const { rowCount } = await sql.change(
    "UPDATE workspace_members SET status = 'active', joined_at = $2, invitation_id = NULL WHERE id = $1 AND status = 'invited'",
    [open.member_id, answer.now],
  );
  if (rowCount === 0) return null;
  await sql.change(
    `UPDATE workspace_invitations i SET ended_at = $2 FROM customers c WHERE ${OF_THE_ANSWER}`,
    [open.workspace_id, answer.now, answer.customerId, open.invitation_id],
  );
  await recountMembers(sql, open.workspace_id);
  return open.workspace_id;
}

/** False where there is no such open invitation. Whoever invited is not told. */
export async function declineInvitation(sql: Transaction, answer: Answer): Promise<boolean> {
  const open = await holdOpen(sql, answer);
  if (open === null) return false;
  await sql.change("DELETE FROM workspace_members WHERE id = $1 AND status = 'invited'", [open.member_id]);
  await sql.change(
    `UPDATE workspace_invitations i SET declined_at = $2 FROM customers c WHERE ${OF_THE_ANSWER}`,
    [open.workspace_id, answer.now, answer.customerId, open.invitation_id],
  );
  return true;
}

/**
 * With its workspace held, as for everything that changes invitations: of an answer and a withdrawal at once the second
 * one sees what the first one did.
 */
async function holdOpen(
  sql: Transaction,
  { customerId, now, invitationId }: Answer,
): Promise<{ member_id: number; workspace_id: number; invitation_id: string | null } | null> {
  const find = async (locked: "" | "FOR NO KEY UPDATE OF w") =>
    await sql.query<{ member_id: number; workspace_id: number; invitation_id: string | null }>(
      `SELECT m.id AS member_id, m.workspace_id, m.invitation_id FROM workspace_members m
         JOIN workspaces w ON w.id = m.workspace_id LEFT JOIN workspace_invitations i ON i.id = m.invitation_id
        WHERE ${OPEN} AND ${ID} = $3 ${locked}`,
      [customerId, now, invitationId],
    );
  const { rowCount } = await find("FOR NO KEY UPDATE OF w");
  if (rowCount === 0) return null;
  return (await find("")).rows[0] ?? null;
}

/** The one that was answered, and those to the customer's other address. */
const OF_THE_ANSWER = `c.id = $3 AND i.workspace_id = $1 AND i.ended_at IS NULL
    AND (i.id = $4 OR c.email = i.email OR c.username = i.username)`;
