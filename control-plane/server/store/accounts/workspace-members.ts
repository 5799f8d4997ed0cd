/**
 * The members of a workspace. The owner is a member who can be neither removed nor given another role. Whoever is only
 * invited is none yet, and nobody sees them here: a list of them would tell which addresses somebody has.
 */
import type { WorkspaceRole } from "../../core/accounts/access-rights.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { endFallen } from "./vouching.ts";

export interface MemberRow {
  workspace_id: number;
  customer_id: number;
  username: string;
  role: WorkspaceRole;
  status: string;
  joined_at: Date | null;
}

/** SQL; rows of the old system may lack the word. */
const HAS_JOINED = "coalesce(m.status, 'active') <> 'invited'";

const SELECT = `SELECT m.workspace_id, m.customer_id, c.username, m.role, m.status, m.joined_at
  FROM workspace_members m JOIN customers c ON c.id = m.customer_id`;

/** By customer, since a cursor shows what a list goes by, and gaps between the numbers of rows tell of invited ones. */
export async function membersOf(
  sql: Connection,
  workspaceId: number,
  page: { limit: number; after: number | null },
): Promise<MemberRow[]> {
  const { rows } = await sql.query<MemberRow>(
    `${SELECT} WHERE m.workspace_id = $1 AND ${HAS_JOINED} AND m.customer_id > $2 ORDER BY m.customer_id LIMIT $3`,
    [workspaceId, page.after ?? 0, page.limit + 1],
  );
  return rows;
}

export async function memberOf(
  sql: Connection,
  { workspaceId, customerId }: { workspaceId: number; customerId: number },
): Promise<MemberRow | null> {
  const { rows } = await sql.query<MemberRow>(
    `${SELECT} WHERE m.workspace_id = $1 AND m.customer_id = $2 AND ${HAS_JOINED}`,
    [workspaceId, customerId],
  );
  return rows[0] ?? null;
}

export type NewMember = Exclude<WorkspaceRole, "owner">;

/** What they invited to as an admin ends where they are none any more. */
export async function changeMember(
  sql: Transaction,
  member: { workspaceId: number; customerId: number },
  {
    now,
    ...change
  }: { role?: NewMember | undefined; status?: "active" | "suspended" | undefined; now: Date },
): Promise<void> {
  await holdWorkspace(sql, member.workspaceId);
  await sql.change(
    `UPDATE workspace_members m SET role = coalesce($3, role), status = coalesce($4, status)
      WHERE workspace_id = $1 AND customer_id = $2 AND ${HAS_JOINED}`,
    [member.workspaceId, member.customerId, change.role ?? null, change.status ?? null],
  );
  await endFallen(sql, { workspaceIds: [member.workspaceId], now });
}

/** With what they invited to. */
export async function removeMember(
  sql: Transaction,
  { workspaceId, customerId, now }: { workspaceId: number; customerId: number; now: Date },
): Promise<void> {
  await holdWorkspace(sql, workspaceId);
  await sql.change(
    `DELETE FROM workspace_members m WHERE workspace_id = $1 AND customer_id = $2 AND ${HAS_JOINED}`,
    [workspaceId, customerId],
  );
  await endFallen(sql, { workspaceIds: [workspaceId], now });
  await recountMembers(sql, workspaceId);
}

/** As for everything that changes invitations: of this and an acceptance at once the second sees what the first did. */
async function holdWorkspace(sql: Transaction, workspaceId: number): Promise<void> {
  await sql.query("SELECT FROM workspaces WHERE id = $1 FOR NO KEY UPDATE", [workspaceId]);
}

export async function recountMembers(sql: Connection, workspaceId: number): Promise<void> {
  await sql.change(
    `UPDATE workspaces SET member_count = (
        SELECT count(*) FROM workspace_members m WHERE m.workspace_id = $1 AND ${HAS_JOINED})
      WHERE id = $1`,
    [workspaceId],
  );
}
