/**
 * Values at random that a column of the old system may hold, by type. Written as Postgres reads them from JSON. Only
 * what Postgres cannot hold is left out: the character U+0000 and halves of surrogate pairs.
 */
import * as fc from "fast-check";

const AWKWARD_TEXTS = [
  "",
  " ",
  "train.py",
  " python  train.py --lr 0.1 ",
  "line\none\r\n\ttwo",
  'it\'s "quoted" \\ and \\n',
  "'; DROP TABLE billing_records; --",
  "%s $1 {} NULL null",
  "数据集/训练 𝄞 e\u0301 \u202e\ufeff",
  "\u0001\u007f\uffff",
];

/** `max` counts characters as varchar does. */
export function anyText(max: number): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...AWKWARD_TEXTS).map((text) => cut(text, max)) },
    {
      weight: 3,
      arbitrary: fc.string({ unit: "binary", maxLength: Math.min(max, 24) }).map(holdable),
    },
    { weight: 1, arbitrary: fc.constantFrom("x", "é", "𝄞", " ").map((character) => character.repeat(max)) },
  );
}

function cut(text: string, max: number): string {
  return Array.from(text).slice(0, max).join("");
}

/** Rare white space goes, too: whether it is any depends on a database's language. */
function holdable(text: string): string {
  return text.replaceAll(/\0|\u0085|(?![ \t\n\v\f\r])\s/g, "");
}

const anyInt = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constantFrom(0, -1, 2 ** 31 - 1, -(2 ** 31)));

/** Small ones most of the time, so that ids meet. Text, since JSON.stringify knows no bigint. */
export const anyBigint = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 9 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom("-1", "9007199254740993", "9223372036854775807") },
);

const anyDouble = fc
  .oneof(
    {
      weight: 4,
      arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
    },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        0,
        1,
        0.1,
        0.1 + 0.2,
        1 / 3,
        1e-7,
        123456.789,
        2 ** 53,
        1e22,
        5e-324,
        1.7976931348623157e308,
      ),
    },
    { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity) },
  )
  .map(String);

/** DECIMAL(10,4), its whole range. */
const anyAmount = fc.oneof(
  fc.bigInt(-9_999_999_999n, 9_999_999_999n).map(tenThousandths),
  fc.constantFrom("0", "0.0001", "-0.0001", "0.0033", "999999.9999", "-999999.9999"),
);

function tenThousandths(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(5, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

const MICROSECONDS_PER_MS = 1000;

/** TIMESTAMP, with microseconds; hours that a summer time skips and both ends of what Postgres knows are among them. */
export const anyTime = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.date({
          min: new Date("1970-01-01T00:00:00Z"),
          max: new Date("2038-01-20T00:00:00Z"),
          noInvalidDate: true,
        }),
        fc.integer({ min: 0, max: MICROSECONDS_PER_MS - 1 }),
      )
      .map(([date, micros]) => date.toISOString().replace("Z", String(micros).padStart(3, "0"))),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "infinity",
      "-infinity",
      "2025-03-30 02:30:00",
      "2025-10-26 02:30:00.5",
      "1969-12-31 23:59:59.999999",
      "0001-01-01 00:00:00",
      "4714-11-24 00:00:00 BC",
      "294276-12-31 23:59:59.999999",
    ),
  },
);

const json = fc.jsonValue({ maxDepth: 2, stringUnit: fc.constantFrom("a", "键", "'", '"', "\\", " ", "𝄞") });

export const jsonObject = fc.dictionary(fc.constantFrom("framework", "键", "a b", ""), json, { maxKeys: 3 });

/** By the catalogue's name of the type. */
export function anyOfType(type: string): fc.Arbitrary<unknown> {
  const varchar = /^character varying\((\d+)\)$/.exec(type);
  if (varchar !== null) return anyText(Number(varchar[1]));
  switch (type) {
    case "text":
      return anyText(1000);
    case "text[]":
      return fc.array(fc.option(anyText(20)), { maxLength: 3 });
    case "integer":
      return anyInt;
    case "bigint":
      return anyBigint;
    case "boolean":
      return fc.boolean();
    case "uuid":
      return fc.uuid();
    case "double precision":
      return anyDouble;
    case "numeric(10,4)":
      return anyAmount;
    case "timestamp without time zone":
      return anyTime;
    case "jsonb":
      return json;
    default:
      throw new Error(`no values for the type ${type}`);
  }
}
