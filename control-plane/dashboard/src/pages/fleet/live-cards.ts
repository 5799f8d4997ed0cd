/** Samples that the stream tells, laid over the map's answer: only what changed is made anew. */
import type { FleetMap } from "@remotegpu/control-plane/http/hosts/fleet-map";
import type { MapCard } from "./map-rows.ts";

export interface GpuValues {
  columns: string[];
  rows: unknown[][];
}

/** How the stream names what the map has. */
const COLUMNS = {
  utilization: "utilization_percent",
  utilization_percent: "utilization_percent",
  memory_used: "memory_used_mib",
  memory_used_mib: "memory_used_mib",
  temperature: "temperature_c",
  temperature_c: "temperature_c",
  power: "power_w",
  power_w: "power_w",
  sampled_at: "sampled_at",
} as const satisfies Record<string, keyof MapCard>;

export function withValues(map: FleetMap, { columns, rows }: GpuValues): FleetMap {
  const uuidAt = columns.indexOf("uuid");
  const byUuid = new Map(rows.map((row) => [row[uuidAt], changeOf(columns, row)]));
  const hosts = map.hosts.map((host) => {
    if (!host.gpus.some(({ uuid }) => byUuid.has(uuid))) return host;
    return {
      ...host,
      gpus: host.gpus.map((card) => (byUuid.has(card.uuid) ? { ...card, ...byUuid.get(card.uuid) } : card)),
    };
  });
  return { ...map, hosts };
}

function changeOf(columns: readonly string[], row: readonly unknown[]): Partial<MapCard> {
  return Object.fromEntries(
    columns.flatMap((column, index) =>
      column in COLUMNS ? [[COLUMNS[column as keyof typeof COLUMNS], row[index]]] : [],
    ),
  ) as Partial<MapCard>;
}
