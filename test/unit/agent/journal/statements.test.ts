/** Every statement on files that two releases share names its columns, so that a column of a later one is none of its own. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const ROOT = new URL("../../../..", import.meta.url).pathname;
const FOLDERS = "agent/src/{journal,access/store}/**/*.ts";

const UNNAMED = [
  ["takes all columns", /\bSELECT\s+(?:\w+\.)?\*/],
  ["inserts without naming columns", /\bINSERT\s+(?:OR\s+\w+\s+)?INTO\s+\w+\s+(?:VALUES|SELECT|DEFAULT)\b/],
  ["returns all columns", /\bRETURNING\s+\*/],
] as const;
const LOOSE_TABLE = /\bCREATE\s+TABLE\b(?:(?![;`"])[^])*\)\s*(?:;|`|"|WITHOUT)/;

function faultsOf(code: string): string[] {
  const unnamed = UNNAMED.filter(([, form]) => form.test(code)).map(([fault]) => fault);
  return LOOSE_TABLE.test(code) ? [...unnamed, "makes a table that is not strict"] : unnamed;
}

const sources = globSync(FOLDERS, { cwd: ROOT }).map((file) => ({
  file,
  code: readFileSync(ROOT + file, "utf8").replaceAll(/(?:^|\s)--.*$/gm, ""),
}));

test("no statement of journal or leases depends on columns that it does not name", () => {
  expect(
    sources.map(({ file, code }) => [file, ...faultsOf(code)]).filter(({ length }) => length > 1),
  ).toEqual([]);
  expect(sources.filter(({ code }) => code.includes("INSERT INTO")).length).toBeGreaterThan(10);
});

test.each([
  ["SELECT * FROM runs", true],
  ["SELECT runs.* FROM runs", true],
  ["INSERT INTO runs VALUES (?)", true],
  ["INSERT OR REPLACE INTO runs VALUES (?)", true],
  ["INSERT INTO runs SELECT run_id FROM old", true],
  ["DELETE FROM runs RETURNING *", true],
  ["CREATE TABLE runs (id TEXT);", true],
  ["CREATE TABLE runs (id TEXT) WITHOUT ROWID;", true],
  ["SELECT run_id, count(*) FROM runs", false],
  ["INSERT INTO runs (run_id) VALUES (?)", false],
  ["INSERT INTO confirmations (matures_ms) SELECT clock_ms FROM meta", false],
  ["CREATE TABLE runs (id TEXT) STRICT;", false],
  ["CREATE TABLE runs (id TEXT CHECK (id <> '')) STRICT, WITHOUT ROWID;", false],
])("that %j depends on columns it does not name is %s", (code, isFaulty) => {
  expect(faultsOf(code).length > 0).toBe(isFaulty);
});
