/** Times of the old system as text, counted without the language's dates, which end before those of Postgres do. */

const MICROSECONDS_PER_MINUTE = 60_000_000n;
const LARGEST_INT = 2n ** 31n - 1n;

/** Minutes begun between two times; null where they run backwards, never end, or are too many for the column. */
export function minutesBegun(start: string, end: string): string | null {
  const [from, to] = [microseconds(start), microseconds(end)];
  if (from === null || to === null || to < from) return null;
  const minutes = (to - from + MICROSECONDS_PER_MINUTE - 1n) / MICROSECONDS_PER_MINUTE;
  return minutes > LARGEST_INT ? null : String(minutes);
}

/** Since some moment; null for an infinite time. */
function microseconds(text: string): bigint | null {
  const parts = /^(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?( BC)?$/.exec(text);
  if (parts === null) return null;
  const [, year, month, day, hours, minutes, seconds, fraction = "", isBefore] = parts;
  const counted = isBefore === undefined ? BigInt(year ?? 0) : 1n - BigInt(year ?? 0);
  const days = daysSince({ year: counted, month: BigInt(month ?? 0), day: BigInt(day ?? 0) });
  const inDay = (BigInt(hours ?? 0) * 60n + BigInt(minutes ?? 0)) * 60n + BigInt(seconds ?? 0);
  return (days * 86_400n + inDay) * 1_000_000n + BigInt(fraction.padEnd(6, "0"));
}

/** The Gregorian calendar carried back before its time; a year begins in March, so that its odd day is the last. */
function daysSince({ year, month, day }: { year: bigint; month: bigint; day: bigint }): bigint {
  const years = month > 2n ? year : year - 1n;
  const era = (years >= 0n ? years : years - 399n) / 400n;
  const yearOfEra = years - era * 400n;
  const dayOfYear = (153n * (month > 2n ? month - 3n : month + 9n) + 2n) / 5n + day - 1n;
  return era * 146_097n + yearOfEra * 365n + yearOfEra / 4n - yearOfEra / 100n + dayOfYear;
}
