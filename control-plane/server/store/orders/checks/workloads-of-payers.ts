/**
 * SQL for the workloads that count for somebody: for who pays, over all workspaces, and for single workspaces. By
 * indexes alone, since it is asked with every order; and in one look for all payers, whatever Postgres believes of how
 * much each has.
 */
import { LIVE } from "../../accounts/workspaces.ts";

/** With `owner` ('payer' or 'workspace') and `owner_id` before the columns named; $1 are payers, $2 workspaces. */
export function ownedWorkloads(table: string, columns: readonly string[]): string {
  const wanted = columns.map((column) => `t.${column}`).join(", ");
  return `SELECT 'payer' AS owner, o.owner_id, ${wanted} FROM ${table} t JOIN workspaces o ON o.id = t.workspace_id
       WHERE t.workspace_id = ANY(ARRAY(
               SELECT w.id FROM workspaces w WHERE w.owner_id = ANY($1::bigint[]) AND ${LIVE}))
         AND t.deleted_at IS NULL
      UNION ALL
      SELECT 'payer', t.customer_id, ${wanted} FROM ${table} t
       WHERE t.customer_id = ANY($1::bigint[]) AND t.deleted_at IS NULL
         AND NOT EXISTS (SELECT FROM workspaces w WHERE w.id = t.workspace_id AND ${LIVE})
      UNION ALL
      SELECT 'workspace', t.workspace_id, ${wanted} FROM ${table} t
       WHERE t.workspace_id = ANY($2::bigint[]) AND t.deleted_at IS NULL`;
}
