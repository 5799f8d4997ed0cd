/** The measured seconds of files: what a run keeps, what is committed, and that the committed table is of this suite. */
import { globSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  COMMITTED,
  nameOf,
  readSeconds,
  renewedSeconds,
  writeSeconds,
} from "../../support/suite/seconds/file-seconds.ts";

const TESTS = new URL("../../", import.meta.url).pathname;
/** Of the files with real parts, those that the committed table knows. */
const LEAST_KNOWN = 0.9;

test("a table is read as it was written, by name, and nothing lies beside it", () => {
  const folder = mkdtempSync(join(tmpdir(), "remotegpu-seconds-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const table = join(folder, "seconds.json");

  writeSeconds(table, { "system/order": 12.5, "integration/a": 1 });

  expect(Object.entries(readSeconds(table))).toEqual([
    ["integration/a", 1],
    ["system/order", 12.5],
  ]);
  expect(readdirSync(folder)).toEqual(["seconds.json"]);
  expect(readSeconds(join(folder, "none.json"))).toEqual({});
});

test("a renewed table has what was measured last in whole seconds, and no file that is gone", () => {
  const name = nameOf(import.meta.filename);

  expect(name).toBe("unit/suite/file-seconds");
  expect(renewedSeconds({ [name]: 4, "integration/gone": 2 }, { [name]: 7.6 })).toEqual({ [name]: 8 });
  expect(renewedSeconds({ [name]: 4 }, { [name]: 0.2 })).toEqual({ [name]: 1 });
});

test("the committed table knows nearly every file with real parts (npm run test:seconds renews it)", () => {
  const files = globSync(`${TESTS}{integration,system}/**/*.test.ts`);
  const known = readSeconds(COMMITTED);

  expect(files.filter((file) => nameOf(file) in known).length / files.length).toBeGreaterThan(LEAST_KNOWN);
});
