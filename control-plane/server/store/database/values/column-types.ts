/**
 * What a column of Postgres becomes in JavaScript where the driver's own choice would not do: int8 a number (one
 * beyond 2^53 throws), numeric and date their text (money never becomes a float, a day has no time zone), the same
 * inside arrays, and timestamptz a Date of the years 1 to 9999, which is what RFC 3339 can say. Everything else is the
 * driver's: jsonb its value, int8multirange its text.
 */
import { TypeOverrides, types } from "pg";

const { INT8, DATE, NUMERIC, TIMESTAMPTZ } = types.builtins;
/** Arrays are missing in the driver's list of types. */
const INT8_ARRAY: number = 1016;
const DATE_ARRAY: number = 1182;
const NUMERIC_ARRAY: number = 1231;

export const columnTypes = new TypeOverrides();
columnTypes.setTypeParser(INT8, safeInteger);
columnTypes.setTypeParser(DATE, asText);
columnTypes.setTypeParser(NUMERIC, asText);
columnTypes.setTypeParser(TIMESTAMPTZ, moment);
columnTypes.setTypeParser(INT8_ARRAY, (text) =>
  itemsOf(text).map((item) => (item === null ? null : safeInteger(item))),
);
columnTypes.setTypeParser(DATE_ARRAY, itemsOf);
columnTypes.setTypeParser(NUMERIC_ARRAY, itemsOf);

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the integer ${text} does not fit a number`);
  return value;
}

const FIRST_MOMENT = new Date("0001-01-01T00:00:00.000Z");
const LAST_MOMENT = new Date("9999-12-31T23:59:59.999Z");
const driversMoment = types.getTypeParser(TIMESTAMPTZ, "text") as (text: string) => Date | number | null;

/** Postgres also knows infinity and 290,000 years: such a moment becomes the last, or first, that can be told. */
function moment(text: string): Date {
  const parsed = driversMoment(text);
  const value = parsed instanceof Date ? parsed.getTime() : parsed;
  if (value === null || Number.isNaN(value) || value > LAST_MOMENT.getTime()) return LAST_MOMENT;
  return value < FIRST_MOMENT.getTime() ? FIRST_MOMENT : new Date(value);
}

function asText(text: string): string {
  return text;
}

/** The items of a one-dimensional array of numbers or dates, none of which is ever quoted: "{1,NULL,3}". */
function itemsOf(text: string): (string | null)[] {
  if (text === "{}") return [];
  return text
    .slice(1, -1)
    .split(",")
    .map((item) => (item === "NULL" ? null : item));
}
