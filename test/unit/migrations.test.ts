/**
 * The files that build the schema. Databases remember them by their checksums, so one that is edited locks every database
 * out that has it. Whoever comes here since this fails: undo the edit, and put the change into a new file.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MIGRATIONS, readMigrations } from "@remotegpu/control-plane/server/store/migrate";

const RECORDED = new URL("checksums.txt", MIGRATIONS);

test("no migration was edited or removed: a change is a new file, with a line of its own in checksums.txt", async () => {
  const files = (await readMigrations(MIGRATIONS)).map(({ name, checksum }) => `${checksum}  ${name}`);

  const recorded = readFileSync(RECORDED, "utf8").trimEnd().split("\n");

  expect(files).toEqual(recorded);
});
