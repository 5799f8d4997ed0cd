/** Who holds which card. Unique indexes and a foreign key on the card's mode stand behind every line here. */
import type { GpuGrant } from "../../../core/placement/placement.ts";
import type { Connection } from "../../database/database.ts";
import { appendEvent, GPU_EVENT, type NewEvent } from "../../events/events.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

interface Holder {
  instanceId: string;
  epoch: number;
  now: Date;
}

/** What one placement takes of one card. */
export interface TakenCard extends GpuGrant {
  instanceId: string;
  epoch: number;
}

/**
 * Sets the cards' modes first: a foreign key holds every live allocation to it, so whole and slice never mix. Answers
 * what is to be told of the cards.
 */
export async function takeCards(
  sql: Connection,
  taken: readonly TakenCard[],
  now: Date,
): Promise<NewEvent[]> {
  if (taken.length === 0) return [];
  const [events] = await Promise.all([setModes(sql, taken, now), allocate(sql, taken, now)]);
  return events;
}

async function allocate(sql: Connection, taken: readonly TakenCard[], now: Date): Promise<void> {
  const slots = await freeSlots(sql, taken);
  await sql.change(
    `INSERT INTO gpu_allocations (gpu_uuid, mode, slot, memory_mib, share_thousandths, instance_id, epoch, allocated_at)
     SELECT t.*, $8::timestamptz
       FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::text[], $7::int[]) AS t`,
    [
      taken.map(({ uuid }) => uuid),
      taken.map(modeOf),
      slots,
      taken.map(({ memoryMib }) => memoryMib),
      taken.map(({ shareThousandths }) => shareThousandths),
      taken.map(({ instanceId }) => instanceId),
      taken.map(({ epoch }) => epoch),
      now,
    ],
  );
}

function modeOf({ memoryMib }: GpuGrant): "exclusive" | "shared" {
  return memoryMib === null ? "exclusive" : "shared";
}

/** Each card once, in the name of the first that takes of it; one that is cut already stays as it is. */
async function setModes(sql: Connection, taken: readonly TakenCard[], now: Date): Promise<NewEvent[]> {
  const first = [...Map.groupBy(taken, ({ uuid }) => uuid).values()].flatMap(([one]) => one ?? []);
  const { rows } = await sql.change<{ uuid: string; host_id: string; old: string | null }>(
    `UPDATE gpus g SET sharing_mode = t.mode, status = 'allocated', allocated_to = coalesce(g.allocated_to, t.instance_id),
            allocated_at = coalesce(g.allocated_at, $4)
       FROM unnest($1::text[], $2::text[], $3::text[]) AS t(uuid, mode, instance_id)
       JOIN gpus before ON before.uuid = t.uuid
      WHERE g.uuid = t.uuid
        AND (g.sharing_mode, g.status, g.allocated_to IS NULL) IS DISTINCT FROM (t.mode, 'allocated', false)
      RETURNING g.uuid, g.host_id, before.status AS old`,
    [first.map(({ uuid }) => uuid), first.map(modeOf), first.map(({ instanceId }) => instanceId), now],
  );
  const holders = new Map(first.map((one) => [one.uuid, one]));
  return rows
    .filter(({ old }) => old !== "allocated")
    .flatMap(({ uuid, host_id: hostId, old }) => {
      const holder = holders.get(uuid);
      if (holder === undefined) return [];
      const event = { at: now, kind: GPU_EVENT, hostId, gpuUuid: uuid, actor: "control-plane" };
      return [{ ...event, old, new: "allocated", reason: heldBy(holder) }];
    });
}

function heldBy({ epoch, instanceId }: TakenCard): Reason {
  return { code: "gpu-held-by-placement", params: { epoch, instance_id: instanceId } };
}

/** For each the lowest number that nobody holds on its card; a whole card has but one. */
async function freeSlots(sql: Connection, taken: readonly TakenCard[]): Promise<number[]> {
  const cut = taken.filter(({ memoryMib }) => memoryMib !== null).map(({ uuid }) => uuid);
  const held = new Map<string, Set<number>>(taken.map(({ uuid }) => [uuid, new Set()]));
  if (cut.length > 0) {
    const { rows } = await sql.query<{ gpu_uuid: string; slot: number }>(
      "SELECT gpu_uuid, slot FROM gpu_allocations WHERE gpu_uuid = ANY($1::text[]) AND released_at IS NULL",
      [[...new Set(cut)]],
    );
    for (const { gpu_uuid, slot } of rows) held.get(gpu_uuid)?.add(slot);
  }
  return taken.map(({ uuid }) => {
    const slots = held.get(uuid) ?? new Set();
    let slot = 0;
    while (slots.has(slot)) slot += 1;
    slots.add(slot);
    return slot;
  });
}

export async function releaseCards(sql: Connection, { instanceId, epoch, now }: Holder): Promise<void> {
  const { rows } = await sql.change<{ gpu_uuid: string }>(
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
  const { rows } = await sql.change<{ uuid: string; host_id: string; old: string | null; status: string }>(
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
        reason: reasonOf("gpu-held-by-nothing"),
      });
}
