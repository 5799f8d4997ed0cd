/**
 * What a workspace asked whom: addresses as typed, kept and told alike whether somebody has them. Who is really invited
 * is a row of workspace_members with the status `invited`, which whoever invites never sees.
 */
import type { InvitationCounts } from "../../core/accounts/invitation-bounds.ts";
import type { NewMember } from "./workspace-members.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { endFallen, forgetEnded, HAS_ADDRESS, openAt } from "./vouching.ts";

/** Exactly one of them. */
export interface Address {
  email: string | null;
  username: string | null;
}

export interface WorkspaceInvitationRow extends Address {
  id: string;
  workspace_id: number;
  invited_by: string;
  role: NewMember;
  created_at: Date;
  expires_at: Date;
}

const SELECT = `SELECT i.id, i.workspace_id, c.username AS invited_by, i.email, i.username, i.role, i.created_at, i.expires_at
  FROM workspace_invitations i JOIN customers c ON c.id = i.invited_by`;

/**
 * Holds the workspace's invitations and the inviter's for the rest of the transaction, ends those of the workspace that
 * stand no more, and forgets what no bound counts any more.
 */
export async function holdInvitations(
  sql: Transaction,
  { workspaceId, inviterId, now }: { workspaceId: number; inviterId: number; now: Date },
): Promise<void> {
  await sql.query("SELECT FROM customers WHERE id = $1 FOR NO KEY UPDATE", [inviterId]);
  await sql.query("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", [workspaceId]);
  await endFallen(sql, { workspaceIds: [workspaceId], now });
  await sql.change(
    `DELETE FROM workspace_invitations
      WHERE workspace_id = $1 AND ended_at IS NOT NULL AND created_at <= $2::timestamptz - interval '1 day'`,
    [workspaceId, now],
  );
}

export async function invitationCounts(
  sql: Connection,
  { workspaceId, inviterId, now }: { workspaceId: number; inviterId: number; now: Date },
): Promise<InvitationCounts & { oldestOfDay: Date | null }> {
  const { rows } = await sql.query<InvitationCounts & { oldestOfDay: Date | null }>(
    `SELECT count(*) FILTER (WHERE i.workspace_id = $1 AND ${openAt("$3")}) AS "openOfWorkspace",
            count(*) FILTER (WHERE i.invited_by = $2 AND ${openAt("$3")}) AS "openOfInviter",
            count(*) FILTER (WHERE i.invited_by = $2 AND i.created_at > $3::timestamptz - interval '1 day') AS "lastDayOfInviter",
            min(i.created_at) FILTER (WHERE i.invited_by = $2 AND i.created_at > $3::timestamptz - interval '1 day') AS "oldestOfDay"
       FROM workspace_invitations i WHERE i.workspace_id = $1 OR i.invited_by = $2`,
    [workspaceId, inviterId, now],
  );
  return rows[0] ?? { openOfWorkspace: 0, openOfInviter: 0, lastDayOfInviter: 0, oldestOfDay: null };
}

/** The one that is open to the address; null where none is. Call with the workspace's invitations held. */
export async function openInvitationTo(
  sql: Connection,
  { workspaceId, email, username }: Address & { workspaceId: number },
): Promise<{ id: string; inviterId: number } | null> {
  const { rows } = await sql.query<{ id: string; inviterId: number }>(
    `SELECT id, invited_by AS "inviterId" FROM workspace_invitations
      WHERE workspace_id = $1 AND (email = $2 OR username = $3) AND ended_at IS NULL`,
    [workspaceId, email, username],
  );
  return rows[0] ?? null;
}

/** Asked again: the same invitation, with this role, its time begun anew, and vouched for by who asked last. */
export async function renewInvitation(
  sql: Connection,
  request: { id: string; inviterId: number; role: NewMember; expiresAt: Date },
): Promise<void> {
  await sql.change(
    "UPDATE workspace_invitations SET role = $2, expires_at = $3, invited_by = $4 WHERE id = $1",
    [request.id, request.role, request.expiresAt, request.inviterId],
  );
}

export async function insertInvitation(
  sql: Connection,
  request: Address & {
    id: string;
    workspaceId: number;
    inviterId: number;
    role: NewMember;
    now: Date;
    expiresAt: Date;
  },
): Promise<void> {
  await sql.change(
    `INSERT INTO workspace_invitations (id, workspace_id, invited_by, email, username, role, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
    [
      request.id,
      request.workspaceId,
      request.inviterId,
      request.email,
      request.username,
      request.role,
      request.now,
      request.expiresAt,
    ],
    { makes: "invitation" },
  );
}

/**
 * Invites whoever has the address, if somebody has and is no member. Run for every invitation, so that it costs the
 * same; and again when one is asked again, for who has come to have the address since. Who declined is left alone.
 */
export async function inviteWhoHasIt(sql: Connection, invitationId: string): Promise<void> {
  await sql.change(
    `INSERT INTO workspace_members (workspace_id, customer_id, role, status, joined_at, invitation_id)
     SELECT i.workspace_id, c.id, i.role, 'invited', NULL, i.id
       FROM workspace_invitations i JOIN workspaces w ON w.id = i.workspace_id JOIN customers c ON ${HAS_ADDRESS}
      WHERE i.id = $1 AND i.declined_at IS NULL AND c.deleted_at IS NULL AND c.id <> w.owner_id
     ON CONFLICT (workspace_id, customer_id) DO UPDATE SET role = EXCLUDED.role, invitation_id = EXCLUDED.invitation_id
      WHERE workspace_members.status = 'invited'`,
    [invitationId],
  );
}

export async function workspaceInvitation(
  sql: Connection,
  invitationId: string,
): Promise<WorkspaceInvitationRow | null> {
  const { rows } = await sql.query<WorkspaceInvitationRow>(`${SELECT} WHERE i.id = $1`, [invitationId]);
  return rows[0] ?? null;
}

/** In the order of their ids; fetches one row more than the limit. */
export async function openInvitationsOf(
  sql: Connection,
  {
    workspaceId,
    now,
    page,
  }: { workspaceId: number; now: Date; page: { limit: number; after: string | null } },
): Promise<WorkspaceInvitationRow[]> {
  const { rows } = await sql.query<WorkspaceInvitationRow>(
    `${SELECT} WHERE i.workspace_id = $1 AND ${openAt("$2")} AND i.id > $3 ORDER BY i.id LIMIT $4`,
    [workspaceId, now, page.after ?? "", page.limit + 1],
  );
  return rows;
}

/** False where the workspace has no such open invitation. */
export async function withdrawInvitation(
  sql: Transaction,
  { workspaceId, invitationId, now }: { workspaceId: number; invitationId: string; now: Date },
): Promise<boolean> {
  await sql.query("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", [workspaceId]);
  const { rowCount } = await sql.change(
    `UPDATE workspace_invitations i SET ended_at = $3 WHERE i.id = $1 AND i.workspace_id = $2 AND ${openAt("$3")}`,
    [invitationId, workspaceId, now],
  );
  await forgetEnded(sql, { workspaceIds: [workspaceId], now });
  return rowCount === 1;
}

/** The invitations of a workspace that nobody can join any more. Call in the transaction that archives it. */
export async function endInvitationsOf(sql: Transaction, workspaceId: number, now: Date): Promise<void> {
  await sql.change(
    "UPDATE workspace_invitations SET ended_at = $2 WHERE workspace_id = $1 AND ended_at IS NULL",
    [workspaceId, now],
  );
  await sql.change("DELETE FROM workspace_members WHERE workspace_id = $1 AND status = 'invited'", [
    workspaceId,
  ]);
}
