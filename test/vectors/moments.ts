/** When something of a vector happens, and its samples of storage hour by hour. */
import { parseUtcOffset } from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { parseQuantity, QUANTITY_DECIMALS } from "@remotegpu/shared/values/money";
import { GIB, MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { BillingVector } from "../support/billing/billing-vector.ts";

/**
 * Every moment at which the vector has something, the midnights that end its days of storage, and every full hour and
 * local midnight between the first and the last.
 */
export function momentsOf(vector: BillingVector): number[] {
  const times = [
    ...vector.money.map((one) => one.at),
    ...vector.usage.map((one) => one.arrives_at),
    ...vector.start_attempts.map((one) => one.at),
    ...vector.estimates.map((one) => one.at),
    ...vector.observe_at,
  ].map((time) => Date.parse(time));
  const moments = new Set([
    ...times,
    ...samplesOf(vector).map(({ hourMs }) => hourMs),
    ...vector.storage.map(({ day }) => midnightOf(day, vector) + MS_PER_DAY),
    ...vector.runs.flatMap(({ run }) => beginsAtMs(vector, run) ?? []),
  ]);
  const [first, last] = [Math.min(...moments), Math.max(...moments)];
  for (let hour = Math.floor(first / MS_PER_HOUR) * MS_PER_HOUR; hour <= last; hour += MS_PER_HOUR)
    moments.add(hour);
  for (let ms = midnightAfter(first, vector); ms <= last; ms += MS_PER_DAY) moments.add(ms);
  return [...moments].sort((a, b) => a - b);
}

/** When the first of a run's messages says that it began; null for a run of which nothing is ever heard. */
export function beginsAtMs(vector: BillingVector, run: string): number | null {
  const begins = vector.usage
    .filter((message) => message.run === run)
    .map((message) => zeroOf(vector, message) + message.from_ms);
  return begins.length > 0 ? Math.min(...begins) : null;
}

function zeroOf({ boots }: BillingVector, { node, boot }: { node: string; boot: string }): number {
  const found = boots.find((one) => one.node === node && one.boot === boot);
  if (found === undefined) throw new Error(`no boot ${boot} of node ${node}`);
  return Date.parse(found.utc_at_zero);
}

export interface Sample {
  readonly workspace: string;
  readonly hourMs: number;
  /** Null: not taken. */
  readonly bytes: number | null;
}

/** The hours of a day begin at its midnight in the billing time zone; the product's begin at full hours. */
export function samplesOf(vector: BillingVector): Sample[] {
  return vector.storage.flatMap(({ workspace, day, hourly_gb, hourly_bytes }) =>
    (hourly_bytes ?? hourly_gb ?? []).map((sample, hour) => ({
      workspace,
      hourMs: fullHourFrom(midnightOf(day, vector)) + hour * MS_PER_HOUR,
      bytes: sample === null ? null : exactly(hourly_bytes === undefined ? bytesOf(sample) : BigInt(sample)),
    })),
  );
}

/** At the moment or after it. */
export function fullHourFrom(ms: number): number {
  return Math.ceil(ms / MS_PER_HOUR) * MS_PER_HOUR;
}

/** The one that begins the day. */
function midnightOf(day: string, { config }: BillingVector): number {
  return Date.parse(`${day}T00:00:00Z`) - parseUtcOffset(config.utc_offset) * MS_PER_MINUTE;
}

/** At the moment or after it. */
export function midnightAfter(ms: number, { config }: BillingVector): number {
  const offsetMs = parseUtcOffset(config.utc_offset) * MS_PER_MINUTE;
  return Math.ceil((ms + offsetMs) / MS_PER_DAY) * MS_PER_DAY - offsetMs;
}

/** A begun byte is one, so that what lies exactly half way between two amounts does not fall below it. */
function bytesOf(gb: string): bigint {
  const one = 10n ** BigInt(QUANTITY_DECIMALS);
  return (parseQuantity(gb) * BigInt(GIB) + one - 1n) / one;
}

function exactly(bytes: bigint): number {
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`${bytes} bytes are more than can be told`);
  return Number(bytes);
}
