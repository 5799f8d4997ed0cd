/** Giving back what a placement held, once its host has said that nothing of it runs any more. */
import type { Connection } from "./database.ts";
import { refreshHostUse } from "./hosts.ts";

/** CPU, memory and cards are free from now on. Doing it twice changes nothing. Call in a transaction. */
export async function releasePlacement(
  sql: Connection,
  { instanceId, epoch, now }: { instanceId: string; epoch: number; now: Date },
): Promise<void> {
  const { rows } = await sql.query<{ host_id: string }>(
    `UPDATE placements SET resources_released_at = $3
      WHERE instance_id = $1 AND epoch = $2 AND resources_released_at IS NULL RETURNING host_id`,
    [instanceId, epoch, now],
  );
  const released = rows[0];
  if (released === undefined) return;
  const cards = await sql.query<{ gpu_uuid: string }>(
    `UPDATE gpu_allocations SET mode = NULL, released_at = $3
      WHERE instance_id = $1 AND epoch = $2 AND released_at IS NULL RETURNING gpu_uuid`,
    [instanceId, epoch, now],
  );
  await freeCards(
    sql,
    cards.rows.map((row) => row.gpu_uuid),
  );
  await refreshHostUse(sql, released.host_id);
}

/** A card that nobody holds any more may be held whole or cut again; one in maintenance or error stays so. */
async function freeCards(sql: Connection, uuids: string[]): Promise<void> {
  await sql.query(
    `UPDATE gpus SET sharing_mode = NULL, allocated_to = NULL, allocated_at = NULL,
            status = CASE status WHEN 'allocated' THEN 'available' ELSE status END
      WHERE uuid = ANY($1::text[])
        AND NOT EXISTS (SELECT FROM gpu_allocations a WHERE a.gpu_uuid = gpus.uuid AND a.released_at IS NULL)`,
    [uuids],
  );
}
