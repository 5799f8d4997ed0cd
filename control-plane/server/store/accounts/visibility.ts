/** Whose things a list shows: one rule for every list of workloads and of what belongs to them. */

/** Things of these workspaces, and this customer's own ones outside of any workspace that is open. */
export interface VisibleTo {
  customerId: number;
  workspaceIds: readonly number[];
}

/**
 * SQL that is true for the rows of `alias`, which has customer_id and workspace_id, that are shown.
 * @param visibleTo the parameters of {@link visibleParameters}: "$1", "$2"
 */
export function isVisible(alias: string, [customer, workspaces]: readonly [string, string]): string {
  return `(${customer}::bigint IS NULL OR ${alias}.workspace_id = ANY(${workspaces}::bigint[])
           OR (${alias}.customer_id = ${customer} AND NOT EXISTS (
                 SELECT FROM workspaces open
                  WHERE open.id = ${alias}.workspace_id AND coalesce(open.status, 'active') = 'active')))`;
}

/** @param visibleTo null: everybody's */
export function visibleParameters(visibleTo: VisibleTo | null): [number | null, readonly number[]] {
  return [visibleTo?.customerId ?? null, visibleTo?.workspaceIds ?? []];
}
