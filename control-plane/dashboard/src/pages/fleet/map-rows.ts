/** What the map shows of the answer, and in which order: pure, so that it can be tried without a browser. */
import type { FleetMap } from "@remotegpu/control-plane/http/hosts/fleet-map";

export type MapHost = FleetMap["hosts"][number];
export type MapCard = MapHost["gpus"][number];

export interface MapWish {
  /** "", "model", or "label:KEY". */
  group: string;
  /** Part of a host's name, id or label. */
  find: string;
  /** GB that a card must have, free as a whole; null: any card. */
  freeGb: number | null;
}

export type MapRow = { kind: "group"; name: string; hosts: number } | { kind: "host"; host: MapHost };

const BYTES_OF_GB = 1e9;
const STEPS = 5;
/** Older ones say nothing about now. */
const OLD_MS = 30_000;

/** Hosts that match, by groups in the order of their names. */
export function mapRows(hosts: readonly MapHost[], wish: MapWish): MapRow[] {
  const shown = hosts.filter((host) => isFound(host, wish.find) && hasWanted(host, wish.freeGb));
  if (wish.group === "") return shown.map((host) => ({ kind: "host", host }));
  const groups = Map.groupBy(shown, (host) => groupOf(host, wish.group));
  return [...groups]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .flatMap(([name, within]): MapRow[] => [
      { kind: "group", name, hosts: within.length },
      ...within.map((host): MapRow => ({ kind: "host", host })),
    ]);
}

/** Keys of labels that some host has, for the choice of groups. */
export function labelKeys(hosts: readonly MapHost[]): string[] {
  return [...new Set(hosts.flatMap(({ labels }) => Object.keys(labels ?? {})))].toSorted();
}

export function isWanted(card: MapCard, freeGb: number | null): boolean {
  return freeGb === null || (card.free && (card.memory_total ?? 0) >= freeGb * BYTES_OF_GB);
}

/** How many cards are free like this, and on how many hosts. */
export function countWanted(hosts: readonly MapHost[], freeGb: number): { cards: number; hosts: number } {
  const counts = hosts.map(({ gpus }) => gpus.filter((card) => isWanted(card, freeGb)).length);
  return {
    cards: counts.reduce((sum, count) => sum + count, 0),
    hosts: counts.filter((count) => count > 0).length,
  };
}

/** 0 to 5; null: not reported. Anything above nothing is seen. */
export function stepOfUse(card: Pick<MapCard, "utilization_percent">): number | null {
  const { utilization_percent: percent } = card;
  return percent === null ? null : Math.min(STEPS, Math.ceil(percent / (100 / STEPS)));
}

export function isOld(card: Pick<MapCard, "sampled_at">, nowMs: number): boolean {
  return card.sampled_at === null || nowMs - Date.parse(card.sampled_at) > OLD_MS;
}

/** E, T, I; a number where several have it, nothing where nobody has. */
export function holderMark({ holders }: Pick<MapCard, "holders">): string {
  if (holders.length > 1) return String(holders.length);
  return holders[0]?.kind.slice(0, 1).toUpperCase() ?? "";
}

/** Everybody who has a card of the host, once. */
export function holdersOf(host: MapHost): MapCard["holders"] {
  const holders = host.gpus.flatMap(({ holders }) => holders);
  return [...new Map(holders.map((holder) => [`${holder.kind}/${holder.id}`, holder])).values()];
}

function isFound({ id, host_name: name, labels }: MapHost, find: string): boolean {
  const wanted = find.trim().toLowerCase();
  const texts = [id, name, ...Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)];
  return wanted === "" || texts.some((text) => text.toLowerCase().includes(wanted));
}

function hasWanted({ gpus }: MapHost, freeGb: number | null): boolean {
  return freeGb === null || gpus.some((card) => isWanted(card, freeGb));
}

/** "" for hosts without it. */
function groupOf({ gpus, labels }: MapHost, group: string): string {
  if (group === "model") return [...new Set(gpus.flatMap(({ name }) => name ?? []))].toSorted().join(", ");
  return labels?.[group.slice("label:".length)] ?? "";
}
