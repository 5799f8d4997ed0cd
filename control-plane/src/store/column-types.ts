/**
 * What a column of Postgres becomes in JavaScript where the driver's own choice would not do: int8 a number (one
 * beyond 2^53 throws), numeric and date their text (money never becomes a float, a day has no time zone), and the
 * same inside arrays. Everything else is the driver's: timestamptz a Date, jsonb its value, int8multirange its text.
 */
import { TypeOverrides, types } from "pg";

const { INT8, DATE, NUMERIC } = types.builtins;
/** Arrays are missing in the driver's list of types. */
const INT8_ARRAY: number = 1016;
const DATE_ARRAY: number = 1182;
const NUMERIC_ARRAY: number = 1231;

export const columnTypes = new TypeOverrides();
columnTypes.setTypeParser(INT8, safeInteger);
columnTypes.setTypeParser(DATE, asText);
columnTypes.setTypeParser(NUMERIC, asText);
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
