/** The keys by which hosts are known: whose signature a batch of usage rows may carry. */
import type { Connection } from "../database.ts";

/** Public nkeys of the host that were not revoked; usually one. */
export async function keysOfHost(sql: Connection, hostId: string): Promise<string[]> {
  const { rows } = await sql.query<{ nkey: string }>(
    "SELECT nkey FROM host_credentials WHERE host_id = $1 AND revoked_at IS NULL",
    [hostId],
  );
  return rows.map((row) => row.nkey);
}
