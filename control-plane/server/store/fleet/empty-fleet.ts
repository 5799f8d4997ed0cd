/**
 * The fleet as if nothing ran on it, for what could never be placed: sizes, labels, pools and cards, without what is
 * held, which is what makes the other snapshot dear. A host that has not told its size yet, or never did, is no part
 * of it.
 */
import { MIB, THOUSANDTHS } from "@remotegpu/shared/values/units";
import type { Fleet, GpuCapacity, HostCapacity } from "../../core/placement/fleet/fleet.ts";
import type { FleetModel } from "../../core/orders/prices/priced-models.ts";
import type { Connection } from "../database/database.ts";
import { safeBigint } from "../database/values/old-values.ts";

export interface EmptyFleet extends Fleet {
  models: readonly FleetModel[];
}

/** Hosts that ever reported; a card that has vanished may never come back. */
const REPORTED = "h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.observed_at IS NOT NULL";

interface HostSize {
  id: string;
  name: string;
  storage_pool: string;
  labels: Record<string, string> | null;
  total_cpu: number;
  total_memory: number;
  total_disk: number;
}

interface CardSize {
  host_id: string;
  uuid: string;
  gpu_index: number;
  name: string | null;
  memory_total: number | null;
}

export async function emptyFleet(sql: Connection): Promise<EmptyFleet> {
  const hosts = await sql.query<HostSize>(
    `SELECT h.id, h.name, coalesce(h.storage_pool, h.id) AS storage_pool, h.labels, h.total_cpu,
            ${safeBigint("h.total_memory")} AS total_memory, ${safeBigint("h.total_disk")} AS total_disk
       FROM hosts h WHERE ${REPORTED} ORDER BY h.id`,
  );
  const cards = await sql.query<CardSize>(
    `SELECT g.host_id, g.uuid, g.gpu_index, g.name, ${safeBigint("g.memory_total")} AS memory_total
       FROM gpus g JOIN hosts h ON h.id = g.host_id
      WHERE ${REPORTED} AND g.vanished_at IS NULL AND g.uuid IS NOT NULL`,
  );
  const cardsOf = Map.groupBy(cards.rows, ({ host_id }) => host_id);
  return {
    hosts: hosts.rows.map((host) => emptyHost(host, cardsOf.get(host.id) ?? [])),
    models: modelsOf(cards.rows),
  };
}

function modelsOf(cards: CardSize[]): FleetModel[] {
  const largest = new Map<string, number>();
  for (const { name, memory_total } of cards)
    if (name !== null) largest.set(name, Math.max(largest.get(name) ?? 0, memory_total ?? 0));
  return [...largest].map(([model, memoryBytes]) => ({ model, memoryBytes }));
}

function emptyHost(host: HostSize, cards: CardSize[]): HostCapacity {
  const cpuMilli = host.total_cpu * THOUSANDTHS;
  const memoryMib = Math.floor(host.total_memory / MIB);
  const tempStorageMib = Math.floor(host.total_disk / MIB);
  return {
    id: host.id,
    name: host.name,
    storagePool: host.storage_pool,
    closed: null,
    labels: host.labels ?? {},
    images: [],
    features: [],
    totalCpuMilli: cpuMilli,
    totalMemoryMib: memoryMib,
    totalTempStorageMib: tempStorageMib,
    freeCpuMilli: cpuMilli,
    freeMemoryMib: memoryMib,
    freeTempStorageMib: tempStorageMib,
    gpus: cards.map(emptyCard),
  };
}

function emptyCard(card: CardSize): GpuCapacity {
  const memoryMib = Math.floor((card.memory_total ?? 0) / MIB);
  return {
    uuid: card.uuid,
    index: card.gpu_index,
    model: card.name ?? "unknown",
    island: null,
    memoryMib,
    closed: null,
    use: "idle",
    freeShareThousandths: THOUSANDTHS,
    freeMemoryMib: memoryMib,
  };
}
