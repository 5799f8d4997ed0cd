/** The words of a stream as server-sent events: one text for all that a reader is told at once. */
import type { CardReading, WorkloadCost } from "./snapshot.ts";
import type { StreamUpdate } from "./updates.ts";

const CARD_COLUMNS = [
  "uuid",
  "utilization_percent",
  "memory_used_mib",
  "temperature_c",
  "power_w",
  "sampled_at",
] as const;

/** The values of one message, which is one line: who reads it holds all of it, and takes none that does not end. */
const MAX_VALUES = 1_000;

/** How long a browser waits before it asks again, in milliseconds. */
const RETRY_MS = 1_000;

/** The server's incarnation that a message is of, and its number there. */
export interface Place {
  life: string;
  number: number;
}

export function eventId({ life, number }: Place): string {
  return `${life}-${number}`;
}

/** Null for what is none of ours. */
export function placeOf(id: string): Place | null {
  const [, life, number] = /^([A-Za-z0-9]{1,40})-(\d{1,15})$/.exec(id) ?? [];
  return life === undefined ? null : { life, number: Number(number) };
}

export const OPENING = `retry: ${RETRY_MS}\n\n`;
/** What was told up to there is known, though it was nothing: from there on somebody who comes again has missed it. */
export function placeFrame(place: Place): string {
  return `id: ${eventId(place)}\n\n`;
}

/** So that nobody between takes a quiet stream for a dead one. */
export function stillHere(place: Place): string {
  return `: still here\n${placeFrame(place)}`;
}

/** The number is the version, too: it goes up with every change. */
export function framesOf(update: StreamUpdate, place: Place): string {
  const { number: version } = place;
  const words: string[] = [];
  if (update.resync) words.push(frame("resync", {}));
  for (const [topic, ids] of update.changes) {
    if (ids === null) words.push(frame("change", { topic, id: idOf(topic), version }));
    else for (const id of ids) words.push(frame("change", { topic, id, version }));
  }
  for (const cards of inWords(update.cards))
    words.push(frame("gpu", { columns: CARD_COLUMNS, rows: cards.map(rowOf) }));
  for (const costs of inWords(update.costs)) words.push(frame("cost", costs.map(costOf)));
  return words.map((word) => `id: ${eventId(place)}\n${word}`).join("");
}

function inWords<Value>(values: readonly Value[]): (readonly Value[])[] {
  const words = Math.ceil(values.length / MAX_VALUES);
  return Array.from({ length: words }, (_, nth) => values.slice(nth * MAX_VALUES, (nth + 1) * MAX_VALUES));
}

/** The id of one workload or host; null where the topic is of many. */
function idOf(topic: string): string | null {
  const at = topic.indexOf(":");
  return at < 0 ? null : topic.slice(at + 1);
}

export function closedFrame(topic: string): string {
  return frame("closed", { topic });
}

/** JSON has no line breaks of its own, so the data is one line whatever a name holds. */
function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function rowOf(card: CardReading) {
  return [
    card.uuid,
    card.utilizationPercent,
    card.memoryUsedMib,
    card.temperatureC,
    card.powerW,
    card.sampledMs === null ? null : new Date(card.sampledMs).toISOString(),
  ];
}

function costOf({ id, costSoFar, ratePerHour }: WorkloadCost) {
  return { id, cost_so_far: costSoFar, rate_per_hour: ratePerHour };
}
