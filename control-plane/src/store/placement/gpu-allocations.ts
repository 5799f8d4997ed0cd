/** Who holds which card. Unique indexes and a foreign key on the card's mode stand behind every line here. */
import type { GpuGrant } from "../../core/placement/placement.ts";
import type { Connection } from "../database.ts";
import { appendEvent, GPU_EVENT } from "../events.ts";

interface Holder {
  instanceId: string;
  epoch: number;
  now: Date;
}

/** Sets the card's mode first: a foreign key holds every live allocation to it, so whole and slice never mix. */
export async function takeCard(
  sql: Connection,
  grant: GpuGrant,
  { instanceId, epoch, now }: Holder,
): Promise<void> {
  const mode = grant.memoryMib === null ? "exclusive" : "shared";
  const { rows } = await sql.query<{ host_id: string; old: string | null }>(
    `UPDATE gpus g SET sharing_mode = $2, status = 'allocated', allocated_to = coalesce(allocated_to, $3),
            allocated_at = coalesce(allocated_at, $4)
       FROM (SELECT uuid, status AS old FROM gpus WHERE uuid = $1) before
      WHERE g.uuid = before.uuid RETURNING g.host_id, before.old`,
    [grant.uuid, mode, instanceId, now],
  );
  for (const { host_id: hostId, old } of rows)
    if (old !== "allocated")
      await appendEvent(sql, {
        at: now,
        kind: GPU_EVENT,
        hostId,
        gpuUuid: grant.uuid,
        actor: "control-plane",
        old,
        new: "allocated",
        reason: `Placement ${epoch} of instance ${instanceId} holds it.`,
      });
  await sql.query(
    `INSERT INTO gpu_allocations (gpu_uuid, mode, slot, memory_mib, share_thousandths, instance_id, epoch, allocated_at)
     VALUES ($1::text, $2, (SELECT min(s) FROM generate_series(0, 1000) s
                      WHERE NOT EXISTS (SELECT FROM gpu_allocations a
                             WHERE a.gpu_uuid = $1::text AND a.released_at IS NULL AND a.slot = s)), $3, $4, $5, $6, $7)`,
    [grant.uuid, mode, grant.memoryMib, grant.shareThousandths, instanceId, epoch, now],
  );
}

export async function releaseCards(sql: Connection, { instanceId, epoch, now }: Holder): Promise<void> {
  const { rows } = await sql.query<{ gpu_uuid: string }>(
    `UPDATE gpu_allocations SET mode = NULL, released_at = $3
      WHERE instance_id = $1 AND epoch = $2 AND released_at IS NULL RETURNING gpu_uuid`,
    [instanceId, epoch, now],
  );
  await freeCards(
    sql,
    rows.map((row) => row.gpu_uuid),
    now,
  );
}

/** A card that nobody holds any more may be held whole or cut again; one in maintenance or error stays so. */
async function freeCards(sql: Connection, uuids: string[], now: Date): Promise<void> {
  const { rows } = await sql.query<{ uuid: string; host_id: string; old: string | null; status: string }>(
    `UPDATE gpus SET sharing_mode = NULL, allocated_to = NULL, allocated_at = NULL,
            status = CASE status WHEN 'allocated' THEN 'available' ELSE status END
       FROM (SELECT uuid AS card, status AS old FROM gpus WHERE uuid = ANY($1::text[])) before
      WHERE uuid = before.card
        AND NOT EXISTS (SELECT FROM gpu_allocations a WHERE a.gpu_uuid = gpus.uuid AND a.released_at IS NULL)
      RETURNING uuid, host_id, before.old, status`,
    [uuids],
  );
  for (const { uuid, host_id: hostId, old, status } of rows)
    if (old !== status)
      await appendEvent(sql, {
        at: now,
        kind: GPU_EVENT,
        hostId,
        gpuUuid: uuid,
        actor: "control-plane",
        old,
        new: status,
        reason: "Nothing holds it any more.",
      });
}
