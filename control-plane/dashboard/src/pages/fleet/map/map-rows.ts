/** What the map shows of the answer, as rows: pure, so that it can be tried without a browser. */
import type { FleetMap } from "@remotegpu/control-plane/client/generated/api.schemas";

export type MapHost = FleetMap["hosts"][number];
export type MapCard = MapHost["gpus"][number];

export type MapRow =
  | {
      kind: "group";
      name: string;
      /** Of the whole fleet, and those of them that this page has. */
      hosts: number;
      here: number;
    }
  | { kind: "host"; host: MapHost };

const BYTES_OF_GB = 1e9;
/** The label by which orders for several hosts find those that stand near each other. */
export const RACK = "rack";
const STEPS = 5;
/** Older ones say nothing about now. */
const OLD_MS = 30_000;

/** As the answer has them, each group with a head. */
export function mapRows({ hosts, groups }: Pick<FleetMap, "hosts" | "groups">): MapRow[] {
  if (groups.length === 0) return hosts.map((host) => ({ kind: "host", host }));
  const sizes = new Map(groups.map(({ name, hosts: size }) => [name, size]));
  return [...Map.groupBy(hosts, ({ group }) => group ?? "")].flatMap(([name, within]): MapRow[] => [
    { kind: "group", name, hosts: sizes.get(name) ?? within.length, here: within.length },
    ...within.map((host): MapRow => ({ kind: "host", host })),
  ]);
}

/** For the choice of groups: where hosts stand comes first. */
export function groupKeys(keys: readonly string[]): string[] {
  return [...keys.filter((key) => key === RACK), ...keys.filter((key) => key !== RACK)];
}

export function bytesOfGb(gb: number): number {
  return gb * BYTES_OF_GB;
}

export function isWanted(card: MapCard, freeGb: number | null): boolean {
  return freeGb === null || (card.free && (card.memory_total ?? 0) >= bytesOfGb(freeGb));
}

/** No host is heard, but some were until now: what they do and what is free there is not known, which is not nothing. */
export function hearsNobody({
  hosts_up: up,
  hosts_suspect: late,
}: Pick<FleetMap["totals"], "hosts_up" | "hosts_suspect">): boolean {
  return up === 0 && late > 0;
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
