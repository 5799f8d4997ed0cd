/**
 * The stops of the map for the keyboard: the map is one stop of Tab, and arrow keys lead from there to each host's name
 * and actions, to its cards, and to the age of a host that is not heard.
 */
import type { MapHost, MapRow } from "./map-rows.ts";

/** What of a host's row takes the focus: a card by its index. */
export type RowStop = "name" | "actions" | "age" | number;

export interface MapStop {
  host: string;
  stop: RowStop;
}

const STEPS: Readonly<Record<string, readonly [down: number, right: number]>> = {
  ArrowRight: [0, 1],
  ArrowLeft: [0, -1],
  ArrowDown: [1, 0],
  ArrowUp: [-1, 0],
};

/** As the page's elements are marked with it. */
export function placeOf({ host, stop }: MapStop): string {
  return `${host}#${stop}`;
}

/** Null for what no element of the map is marked with. */
export function stopOfPlace(place: string | undefined): MapStop | null {
  const at = place?.lastIndexOf("#") ?? -1;
  if (place === undefined || at < 0) return null;
  const stop = place.slice(at + 1);
  const host = place.slice(0, at);
  return { host, stop: stop === "name" || stop === "actions" || stop === "age" ? stop : Number(stop) };
}

function hasAge(host: MapHost): boolean {
  return host.connection !== "connected" && host.last_heartbeat_at !== null;
}

export function hasStop(rows: readonly MapRow[], { host, stop }: MapStop): boolean {
  return rows.some((row) => row.kind === "host" && row.host.id === host && stopsOf(row).includes(stop));
}

/** Where Tab comes to first: the first card, or the first host's name where none has a card. */
export function firstStop(rows: readonly MapRow[]): MapStop | null {
  const hosts = rows.flatMap((row) => (row.kind === "host" ? [row.host] : []));
  const withCards = hosts.find(({ gpus }) => gpus.length > 0);
  if (withCards !== undefined) return { host: withCards.id, stop: 0 };
  return hosts[0] === undefined ? null : { host: hosts[0].id, stop: "name" };
}

/** Where a key leads from a stop, with the number of its row; undefined for a key of no direction, null at an edge. */
export function stopByKey(
  rows: readonly MapRow[],
  from: MapStop,
  key: string,
): { row: number; to: MapStop } | null | undefined {
  const step = STEPS[key];
  if (step === undefined) return undefined;
  const [down, right] = step;
  const row = rows.findIndex((one) => one.kind === "host" && one.host.id === from.host);
  return down === 0 ? beside(rows, { row, from }, right) : below(rows, { row, from }, down);
}

interface Place {
  row: number;
  from: MapStop;
}

function beside(rows: readonly MapRow[], { row, from }: Place, right: number) {
  const stops = stopsOf(rows[row]);
  const to = stops[stops.indexOf(from.stop) + right];
  return to === undefined ? null : { row, to: { host: from.host, stop: to } };
}

/** Over rows that have nothing of the kind. */
function below(rows: readonly MapRow[], { row, from }: Place, down: number) {
  for (let next = row + down; next >= 0 && next < rows.length; next += down) {
    const here = rows[next];
    const stop = here?.kind === "host" ? nearestIn(here, from.stop) : null;
    if (here?.kind === "host" && stop !== null) return { row: next, to: { host: here.host.id, stop } };
  }
  return null;
}

function stopsOf(row: MapRow | undefined): RowStop[] {
  if (row?.kind !== "host") return [];
  return ["name", "actions", ...row.host.gpus.keys(), ...(hasAge(row.host) ? (["age"] as const) : [])];
}

function nearestIn(row: MapRow, stop: RowStop): RowStop | null {
  const stops = stopsOf(row);
  if (typeof stop !== "number") return stops.includes(stop) ? stop : null;
  const cards = stops.filter((one) => typeof one === "number");
  return cards.length === 0 ? null : Math.min(stop, cards.length - 1);
}
