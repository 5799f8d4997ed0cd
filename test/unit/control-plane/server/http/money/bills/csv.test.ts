/** Tables as text that spreadsheets and other programs read back cell by cell. */
import {
  type CsvColumn,
  csvHead,
  csvRow,
  csvStream,
} from "@remotegpu/control-plane/server/http/money/bills/csv";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

interface Row {
  id: number;
  name: string | null;
  amount: string;
}
const COLUMNS: CsvColumn<Row>[] = [
  { name: "id", kind: "number", value: (row) => row.id },
  { name: "name", kind: "text", value: (row) => row.name },
  { name: "amount", kind: "number", value: (row) => row.amount },
];

/** The rules of RFC 4180, backwards. */
function parse(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let rest = text; rest !== "";) {
    const match = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(rest);
    if (match === null) throw new Error(`no cell at ${JSON.stringify(rest.slice(0, 40))}`);
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === "\r\n") rows.push(row.splice(0));
    rest = rest.slice(match[0].length);
  }
  return rows;
}

describe("a row", () => {
  test.each([
    { name: "work", line: "work" },
    { name: null, line: "" },
    { name: 'say "hi", she said', line: '"say ""hi"", she said"' },
    { name: "two\nlines", line: '"two\nlines"' },
    { name: "=1+1", line: "'=1+1" },
    { name: "+1", line: "'+1" },
    { name: "-1", line: "'-1" },
    { name: "@SUM(A1)", line: "'@SUM(A1)" },
    { name: " =1", line: "' =1" },
    { name: "\t=1", line: "'\t=1" },
    { name: "\r=1", line: '"\'\r=1"' },
    { name: '=HYPERLINK("http://x","y")', line: '"\'=HYPERLINK(""http://x"",""y"")"' },
    { name: "a=1", line: "a=1" },
  ])("with the text $name has $line", ({ name, line }) => {
    expect(csvRow(COLUMNS, { id: 1, name, amount: "-0.5000" })).toBe(`1,${line},-0.5000\r\n`);
  });

  test("of any text is read back as it was, but for the apostrophe before a formula", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const [cells] = parse(csvRow(COLUMNS, { id: 1, name, amount: "9999999999999999.9999" }));

        expect([name, `'${name}`]).toContain(cells?.[1]);
        expect(cells?.[1]).not.toMatch(/^\s*[=+\-@]/);
        expect(cells?.[2]).toBe("9999999999999999.9999");
      }),
    );
  });
});

describe("a table", () => {
  const rows = Array.from({ length: 2_500 }, (_, index): Row => ({
    id: 2_500 - index,
    name: `n${index}`,
    amount: "1.0000",
  }));
  const reads: number[] = [];
  const tableOf = (all: readonly Row[], request: { limit?: number; after?: number } = {}) =>
    new Response(
      csvStream({
        columns: COLUMNS,
        page: ({ limit, after }) => {
          reads.push(limit);
          const from = all.filter((row) => after === null || row.id < after);
          return Promise.resolve(from.slice(0, limit + 1));
        },
        key: (row) => row.id,
        limit: request.limit ?? null,
        after: request.after ?? null,
      }),
    ).text();

  test.each([
    { count: 0, request: {}, ids: [0, 0] },
    { count: 1, request: {}, ids: [2_500, 2_500] },
    { count: 1_000, request: {}, ids: [2_500, 1_501] },
    { count: 1_001, request: {}, ids: [2_500, 1_500] },
    { count: 2_500, request: {}, ids: [2_500, 1] },
    { count: 2_500, request: { limit: 3 }, ids: [2_500, 2_498] },
    { count: 2_500, request: { limit: 1_001 }, ids: [2_500, 1_500] },
    { count: 2_500, request: { after: 11 }, ids: [10, 1] },
  ])(
    "of $count rows with $request has a head and each row once",
    async ({ count, request, ids: [first, last] }) => {
      const [head, ...body] = parse(await tableOf(rows.slice(0, count), request));

      const ids = body.map(([id]) => Number(id));
      const expected = rows.map(({ id }) => id).filter((id) => id <= (first ?? 0) && id >= (last ?? 0));
      expect(head).toEqual(["id", "name", "amount"]);
      expect(ids).toEqual(expected);
    },
  );

  test("begins with the names of its columns", () => {
    expect(csvHead(COLUMNS)).toBe("id,name,amount\r\n");
  });

  test("that nobody reads is not read from the database", () => {
    reads.length = 0;

    csvStream({
      columns: COLUMNS,
      page: ({ limit }) => {
        reads.push(limit);
        return Promise.resolve([]);
      },
      key: (row) => row.id,
      limit: null,
      after: null,
    });

    expect(reads).toEqual([]);
  });
});
