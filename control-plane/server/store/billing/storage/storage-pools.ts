/**
 * Storage pools as administrators see them: who belongs to one, how large its disk is by their word, and what of the last
 * hour's sample was charged or set aside. A pool exists as long as a host belongs to it.
 */
import { GIB } from "@remotegpu/shared/values/units";
import type { StorageAllowances } from "../../../core/billing/storage-bounds.ts";
import { setting } from "../../accounts/settings.ts";
import type { Connection, Transaction } from "../../database/database.ts";

export interface StoragePoolRow {
  name: string;
  hosts: number;
  connected_hosts: number;
  /** Null: nobody has said, and the setting holds. */
  disk_bytes: number | null;
  set_at: Date | null;
  set_by: string | null;
  /** The last hour that was sampled; null where none was. */
  sampled_hour: Date | null;
  sampled_by: string | null;
  charged_bytes: number | null;
  excess_bytes: number | null;
  /** The bytes of sealed copies, for which no host is queried. */
  sealed_bytes: number;
}

/** @param where condition of the names, which are `p.name`; $1 and on are its own */
function select(where: string): string {
  return `
  SELECT p.name, p.hosts, p.connected_hosts, w.disk_bytes, w.set_at, w.set_by, h.hour AS sampled_hour,
         h.host_id AS sampled_by, s.charged_bytes, s.excess_bytes, coalesce(c.sealed_bytes, 0)::bigint AS sealed_bytes
    FROM (SELECT coalesce(storage_pool, id) AS name, count(*) AS hosts,
                 count(*) FILTER (WHERE connection = 'connected') AS connected_hosts
            FROM hosts WHERE deleted_at IS NULL GROUP BY 1) p
    LEFT JOIN storage_pools w ON w.name = p.name
    LEFT JOIN LATERAL (SELECT hour, host_id FROM storage_hours o
                        WHERE o.storage_pool = p.name AND o.finished_at IS NOT NULL ORDER BY hour DESC LIMIT 1) h ON true
    LEFT JOIN LATERAL (SELECT least(coalesce(sum(bytes), 0), ${Number.MAX_SAFE_INTEGER})::bigint AS charged_bytes,
                              least(coalesce(sum(o.excess_bytes), 0), ${Number.MAX_SAFE_INTEGER})::bigint AS excess_bytes
                         FROM storage_samples o WHERE o.storage_pool = p.name AND o.hour = h.hour) s ON h.hour IS NOT NULL
    LEFT JOIN LATERAL (SELECT least(coalesce(sum(total_size), 0), ${Number.MAX_SAFE_INTEGER}) AS sealed_bytes FROM data_copies o
                        WHERE o.storage_pool = p.name AND o.status = 'ready') c ON true
   WHERE ${where} ORDER BY p.name COLLATE "C"`;
}

/** By name; one row more than the limit. */
export async function listStoragePools(
  sql: Connection,
  { limit, after }: { limit: number; after: string | null },
): Promise<StoragePoolRow[]> {
  const { rows } = await sql.query<StoragePoolRow>(
    `${select(`$1::text IS NULL OR p.name COLLATE "C" > $1`)} LIMIT $2`,
    [after, limit + 1],
  );
  return rows;
}

export async function storagePool(sql: Connection, name: string): Promise<StoragePoolRow | null> {
  const { rows } = await sql.query<StoragePoolRow>(select("p.name = $1"), [name]);
  return rows[0] ?? null;
}

/** @param said.diskBytes null takes the word back */
export async function setPoolDisk(
  sql: Transaction,
  text: { name: string; diskBytes: number | null; by: string; at: Date },
): Promise<void> {
  if (text.diskBytes === null) {
    await sql.change("DELETE FROM storage_pools WHERE name = $1", [text.name]);
    return;
  }
  await sql.change(
    `INSERT INTO storage_pools (name, disk_bytes, set_at, set_by) VALUES ($1, $2, $3, $4)
     ON CONFLICT (name) DO UPDATE SET disk_bytes = EXCLUDED.disk_bytes, set_at = EXCLUDED.set_at, set_by = EXCLUDED.set_by`,
    [text.name, text.diskBytes, text.at, text.by],
  );
}

/** The disk that a pool is believed to have where nobody has said. */
export async function poolDiskByDefault(sql: Connection): Promise<bigint> {
  return BigInt(await setting(sql, "POOL_DISK_GB")) * BigInt(GIB);
}

/** What may lie in the pool, as far as orders do not say. */
export async function storageAllowances(sql: Connection, pool: string): Promise<StorageAllowances> {
  const { rows } = await sql.query<{ disk_bytes: string }>(
    "SELECT disk_bytes::text FROM storage_pools WHERE name = $1",
    [pool],
  );
  const [text] = rows;
  return {
    environmentGb: BigInt(await setting(sql, "ENVIRONMENT_STORAGE_GB")),
    jobGb: BigInt(await setting(sql, "JOB_STORAGE_GB")),
    diskBytes: text === undefined ? await poolDiskByDefault(sql) : BigInt(text.disk_bytes),
  };
}
