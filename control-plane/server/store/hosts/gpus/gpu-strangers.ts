/** Cards with processes on them that are in no live run of their host, by what hosts told last. */
import type { GpuStranger } from "@remotegpu/shared/messages/host-report";
import type { Reason } from "../../../core/reasons/reason.ts";
import type { Connection } from "../../database/database.ts";

export interface StrangeCard {
  uuid: string;
  host_id: string;
  stranger: GpuStranger;
  /** Something that we placed there runs there. */
  is_held: boolean;
}

/** In the order of the cards' ids, of each host at most `mostOfHost`. */
export async function strangeCards(
  sql: Connection,
  { mostOfHost, limit }: { mostOfHost: number; limit: number },
): Promise<StrangeCard[]> {
  const { rows } = await sql.query<StrangeCard>(
    `SELECT uuid, host_id, stranger, is_held FROM (
       SELECT g.id, g.uuid, g.host_id, k.strangers -> 0 AS stranger, row_number() OVER (PARTITION BY g.host_id ORDER BY g.id) AS nth,
              EXISTS (SELECT FROM gpu_allocations a JOIN placements p ON p.instance_id = a.instance_id AND p.epoch = a.epoch
                       WHERE a.gpu_uuid = g.uuid AND a.released_at IS NULL AND p.state NOT IN ('placed', 'starting')) AS is_held
         FROM gpu_health k JOIN gpus g ON g.uuid = k.gpu_uuid JOIN hosts h ON h.id = g.host_id
        WHERE k.strangers <> '[]' AND g.vanished_at IS NULL AND h.deleted_at IS NULL AND h.revoked_at IS NULL
     ) AS cards WHERE nth <= $1 ORDER BY id LIMIT $2`,
    [mostOfHost, limit],
  );
  return rows;
}

export function strangerReason(gpuUuid: string, { pid, name }: GpuStranger): Reason {
  const process = { gpu_uuid: gpuUuid, process_id: pid };
  return name === null
    ? { code: "gpu-used-by-process", params: process }
    : { code: "gpu-used-by-program", params: { ...process, program: name } };
}
