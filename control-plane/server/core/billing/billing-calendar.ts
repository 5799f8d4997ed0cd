/**
 * Days and months of the billing time zone, which is a fixed offset from UTC, so that each day has 24 hours. A month is
 * written "2026-03"; it is closed some hours after its last midnight, and what is posted later goes on a later invoice.
 */
import { MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

export interface BillingCalendar {
  /** Minutes east of UTC: 480 for +08:00. */
  readonly utcOffsetMinutes: number;
  readonly closeDelayHours: number;
}

/** "2026-03" */
export type Month = string;

/** A day of the billing time zone, and what it is in UTC milliseconds, its end not included. */
export interface BillingDay {
  /** "2026-03-10" */
  readonly day: string;
  readonly month: Month;
  readonly fromMs: number;
  readonly toMs: number;
}

const UTC_OFFSET = /^([+-])(\d{2}):(\d{2})$/;

/** @throws RangeError for anything but "+08:00" and the like, up to 14 hours */
export function parseUtcOffset(text: string): number {
  const match = UTC_OFFSET.exec(text);
  const minutes = match === null ? NaN : Number(match[2]) * 60 + Number(match[3]);
  if (match === null || Number(match[3]) > 59 || minutes > 14 * 60)
    throw new RangeError(`not an offset from UTC like +08:00: ${JSON.stringify(text)}`);
  return match[1] === "-" ? -minutes : minutes;
}

export function monthOf(utcMs: number, calendar: BillingCalendar): Month {
  return new Date(utcMs + calendar.utcOffsetMinutes * MS_PER_MINUTE).toISOString().slice(0, 7);
}

export function dayOf(utcMs: number, calendar: BillingCalendar): BillingDay {
  const offsetMs = calendar.utcOffsetMinutes * MS_PER_MINUTE;
  const fromMs = Math.floor((utcMs + offsetMs) / MS_PER_DAY) * MS_PER_DAY - offsetMs;
  const day = new Date(fromMs + offsetMs).toISOString().slice(0, 10);
  return { day, month: day.slice(0, 7), fromMs, toMs: fromMs + MS_PER_DAY };
}

/** What a day of the billing time zone is in UTC milliseconds. @param day "2026-03-10" */
export function dayBounds(
  day: string,
  { utcOffsetMinutes }: BillingCalendar,
): Pick<BillingDay, "fromMs" | "toMs"> {
  const fromMs = Date.parse(`${day}T00:00:00Z`) - utcOffsetMinutes * MS_PER_MINUTE;
  return { fromMs, toMs: fromMs + MS_PER_DAY };
}

/** The day that ended later than the one moment and not later than the other; null where none did. Ask of an hour at most. */
export function dayEndedWithin(
  { afterMs, untilMs }: { afterMs: number; untilMs: number },
  calendar: BillingCalendar,
): BillingDay | null {
  const midnightMs = dayOf(untilMs, calendar).fromMs;
  return midnightMs > afterMs ? dayOf(midnightMs - 1, calendar) : null;
}

/** The midnight that begins the month, in UTC milliseconds. */
export function monthBegin(month: Month, calendar: BillingCalendar): number {
  return Date.parse(`${month}-01T00:00:00Z`) - calendar.utcOffsetMinutes * MS_PER_MINUTE;
}

/** The midnight that ends the month, in UTC milliseconds. */
export function monthEnd(month: Month, calendar: BillingCalendar): number {
  const [year, monthNumber] = month.split("-").map(Number);
  // Date.UTC counts months from 0, so the month's own number names the first day of the next one.
  return Date.UTC(year ?? NaN, monthNumber ?? NaN, 1) - calendar.utcOffsetMinutes * MS_PER_MINUTE;
}

/** The midnight that begins the month, in UTC milliseconds. */
export function monthStart(month: Month, calendar: BillingCalendar): number {
  const [year, monthNumber] = month.split("-").map(Number);
  return Date.UTC(year ?? NaN, (monthNumber ?? NaN) - 1, 1) - calendar.utcOffsetMinutes * MS_PER_MINUTE;
}

export function monthAfter(month: Month, calendar: BillingCalendar): Month {
  return monthOf(monthEnd(month, calendar), calendar);
}

/** The latest month that has closed by this moment. */
export function lastClosedMonth(utcMs: number, calendar: BillingCalendar): Month {
  const open = monthOf(utcMs - calendar.closeDelayHours * MS_PER_HOUR, calendar);
  return monthOf(monthStart(open, calendar) - 1, calendar);
}

/** The invoice of the month of use while that is open, else the invoice of the month of posting. */
export function invoiceMonth(usageMonth: Month, postedAtMs: number, calendar: BillingCalendar): Month {
  const closesAtMs = monthEnd(usageMonth, calendar) + calendar.closeDelayHours * MS_PER_HOUR;
  return postedAtMs < closesAtMs ? usageMonth : monthOf(postedAtMs, calendar);
}
