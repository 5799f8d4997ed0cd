/** Samples that the stream tells, laid over the map's answer: only what changed is made anew. Pure, as map-rows.ts. */
import type { FleetMap } from "@remotegpu/control-plane/client/generated/api.schemas";
import type { StreamEvents } from "@remotegpu/control-plane/client/stream-topics";
import type { MapCard } from "./map-rows.ts";

export type GpuValues = StreamEvents["gpu"];

export type LiveSamples = ReadonlyMap<unknown, Partial<MapCard>>;

/** Whatever else a newer server reports of a GPU the map has no place for. */
const READINGS = [
  "utilization_percent",
  "memory_used_mib",
  "temperature_c",
  "power_w",
  "sampled_at",
] as const satisfies (keyof MapCard & GpuValues["columns"][number])[];

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

function changeOf(columns: GpuValues["columns"], row: GpuValues["rows"][number]): Partial<MapCard> {
  const known = READINGS.filter((name) => columns.includes(name));
  return Object.fromEntries(known.map((name) => [name, row[columns.indexOf(name)]]));
}
