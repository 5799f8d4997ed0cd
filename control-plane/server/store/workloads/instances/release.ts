/** Giving back what a placement held, once its host has said that nothing of it runs any more. */
import type { Transaction } from "../../database/database.ts";
import { releaseCards } from "./gpu-allocations.ts";
import { refreshHostUse } from "../../hosts/hosts.ts";

/** CPU, memory and cards are free from now on. Doing it twice changes nothing. */
export async function releasePlacement(
  sql: Transaction,
  { instanceId, epoch, now }: { instanceId: string; epoch: number; now: Date },
): Promise<void> {
  const { rows } = await sql.change<{ host_id: string }>(
    `UPDATE placements SET resources_released_at = $3
      WHERE instance_id = $1 AND epoch = $2 AND resources_released_at IS NULL RETURNING host_id`,
    [instanceId, epoch, now],
  );
  const released = rows[0];
  if (released === undefined) return;
  await releaseCards(sql, { instanceId, epoch, now });
  await refreshHostUse(sql, [released.host_id]);
}
