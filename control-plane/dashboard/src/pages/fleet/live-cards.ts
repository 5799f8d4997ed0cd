/** Samples that the stream tells, laid over the map's answer: only what changed is made anew. Pure, as map-rows.ts. */
import type { FleetMap } from "@remotegpu/control-plane/server/http/hosts/fleet-map";
import type { MapCard } from "./map-rows.ts";

export interface GpuValues {
  columns: string[];
  rows: unknown[][];
}

export type LiveSamples = ReadonlyMap<unknown, Partial<MapCard>>;

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

export function samplesOf({ columns, rows }: GpuValues): LiveSamples {
  const uuidAt = columns.indexOf("uuid");
  return new Map(rows.map((row) => [row[uuidAt], changeOf(columns, row)]));
}

/**
 * As far as it is newer. Of readings that stand still the stream tells when they were noted, which is seldom; the answer
 * knows that the host has said them since.
 */
export function withSamples(map: FleetMap, samples: LiveSamples): FleetMap {
  const hosts = map.hosts.map((host) => {
    const gpus = host.gpus.map((card) => laidOver(card, samples.get(card.uuid)));
    return gpus.every((card, index) => card === host.gpus[index]) ? host : { ...host, gpus };
  });
  return { ...map, hosts };
}

function laidOver(card: MapCard, change: Partial<MapCard> | undefined): MapCard {
  const isNewer = change !== undefined && momentOf(change.sampled_at) > momentOf(card.sampled_at);
  return isNewer ? { ...card, ...change } : card;
}

function momentOf(at: string | null | undefined): number {
  return at === null || at === undefined ? -Infinity : Date.parse(at);
}

function changeOf(columns: readonly string[], row: readonly unknown[]): Partial<MapCard> {
  return Object.fromEntries(
    columns.flatMap((column, index) =>
      column in COLUMNS ? [[COLUMNS[column as keyof typeof COLUMNS], row[index]]] : [],
    ),
  ) as Partial<MapCard>;
}
