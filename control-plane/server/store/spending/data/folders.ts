/**
 * Which folders hold a customer's data, as far as the database knows: those that placements told their hosts of, and
 * what datasets and models name. No host deletes a folder by itself, so the list is for whoever does: the control plane
 * has hosts remove what it knows the pool of, and the rest is an operator's.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import type { DataKind } from "../../accounts/catalogue.ts";
import type { Connection } from "../../database/database.ts";

export interface DataFolder {
  readonly resource_type: WorkloadKind | DataKind;
  readonly resource_id: string;
  /** Null where it is not known: in whichever pool has the folder. */
  readonly storage_pool: string | null;
  /** Below the pool's root. */
  readonly folder: string;
}

/** Of workloads, wherever they were placed. */
export async function workloadFolders(
  sql: Connection,
  workloads: readonly WorkloadName[],
): Promise<DataFolder[]> {
  const { rows } = await sql.query<DataFolder>(
    `SELECT DISTINCT i.workload_kind AS resource_type, i.workload_id AS resource_id,
            coalesce(h.storage_pool, h.id) AS storage_pool, f->>'source' AS folder
       FROM unnest($1::text[], $2::text[]) AS asked(kind, id)
       JOIN instances i ON i.workload_kind = asked.kind AND i.workload_id = asked.id
       JOIN placements p ON p.instance_id = i.id JOIN hosts h ON h.id = p.host_id
       CROSS JOIN jsonb_array_elements(coalesce(p.spec->'folders', '[]')) AS f
      ORDER BY 1, 2, 3, 4`,
    [workloads.map(({ kind }) => kind), workloads.map(({ id }) => id)],
  );
  return rows;
}

export interface DataRemoval extends DataFolder {
  readonly id: number;
  readonly ordered_at: Date;
  readonly ordered_by: string;
}

/** A folder that is listed already stays as it was. */
export async function listForRemoval(
  sql: Connection,
  {
    customerId,
    folders,
    by,
    at,
  }: { customerId: number; folders: readonly DataFolder[]; by: string; at: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO data_removals (customer_id, ordered_at, ordered_by, resource_type, resource_id, storage_pool, folder)
     SELECT $1, $2, $3, * FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) ON CONFLICT DO NOTHING`,
    [
      customerId,
      at,
      by,
      folders.map((one) => one.resource_type),
      folders.map((one) => one.resource_id),
      folders.map((one) => one.storage_pool),
      folders.map((one) => one.folder),
    ],
  );
}

/** It is removed: nobody has to do it any more. */
export async function removed(
  sql: Connection,
  { customerId, folder }: { customerId: number; folder: DataFolder },
): Promise<void> {
  await sql.change(
    `DELETE FROM data_removals WHERE customer_id = $1 AND resource_type = $2 AND resource_id = $3
        AND storage_pool IS NOT DISTINCT FROM $4 AND folder = $5`,
    [customerId, folder.resource_type, folder.resource_id, folder.storage_pool, folder.folder],
  );
}

/** In the order in which they were listed; fetches one row more than the limit. */
export async function removalsOf(
  sql: Connection,
  customerId: number,
  page: { limit: number; after: number | null },
): Promise<DataRemoval[]> {
  const { rows } = await sql.query<DataRemoval>(
    `SELECT id, ordered_at, ordered_by, resource_type, resource_id, storage_pool, folder FROM data_removals
      WHERE customer_id = $1 AND id > $2 ORDER BY id LIMIT $3`,
    [customerId, page.after ?? 0, page.limit + 1],
  );
  return rows;
}
