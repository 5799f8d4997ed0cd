import { expect, test } from "vitest";
import { ReplayError } from "../../bench/replay/replay-error.ts";
import { parseSwf } from "../../bench/replay/swf-log.ts";
import { swfText } from "../../support/placement/swf.ts";

const REST = "-1 -1 1 -1 -1 -1 0 -1 -1 -1";

test("a job is read from its fields 1, 2, 4, 5 and 8", () => {
  expect(parseSwf(`7 30 2 40 3 99 98 5 ${REST}`)).toEqual([
    { number: 7, submittedAt: 30, runSeconds: 40, processors: 5 },
  ]);
});

test.each([
  { processors: 4, requested: -1, needs: 4 },
  { processors: -1, requested: 4, needs: 4 },
  { processors: 4, requested: 8, needs: 8 },
  { processors: 8, requested: 4, needs: 8 },
])("$processors processors given and $requested requested: it needs $needs", ({ needs, ...row }) => {
  expect(parseSwf(swfText([{ submit: 0, run: 1, ...row }]))).toMatchObject([{ processors: needs }]);
});

test("comments, empty lines, tabs and line ends of all sorts are no matter", () => {
  const text = `; MaxNodes: 4\r\n  ; indented\r\n\r\n \t1\t0  -1 10 1\t-1 -1 -1 ${REST} \r\n2 5 -1 20 2 -1 -1 -1 ${REST}`;

  expect(parseSwf(text)).toEqual([
    { number: 1, submittedAt: 0, runSeconds: 10, processors: 1 },
    { number: 2, submittedAt: 5, runSeconds: 20, processors: 2 },
  ]);
});

test("jobs of no seconds are left out; one whose time is unknown runs ten seconds", () => {
  const rows = [0, -1, 1].map((run, submit) => ({ submit, run, processors: 1 }));

  expect(parseSwf(swfText(rows)).map(({ number, runSeconds }) => [number, runSeconds])).toEqual([
    [2, 10],
    [3, 1],
  ]);
});

test("jobs stand by their numbers, whatever their lines' order", () => {
  const lines = swfText([1, 2, 3].map((run) => ({ submit: 0, run, processors: 1 }))).split("\n");

  expect(parseSwf(lines.toReversed().join("\n")).map(({ number }) => number)).toEqual([1, 2, 3]);
});

test("a log without jobs has none", () => {
  expect(parseSwf("; nothing\n")).toEqual([]);
});

test.each([
  ["1 0 -1 10 1", "line 2 has 5 fields; a job has 18"],
  [`1 0 -1 ten 1 -1 -1 -1 ${REST}`, "field 4 of line 2 is no number: ten"],
])("%s is refused by its line", (line, message) => {
  expect(() => parseSwf(`; comment\n${line}\n`)).toThrow(new ReplayError(message));
});
