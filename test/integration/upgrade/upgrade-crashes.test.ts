/**
 * The process of an upgrade dies at a statement. A few statements are tried here; with UPGRADE_CRASHES=every, each in
 * turn (`npm run proof:upgrade-crashes`).
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import { oldSystem, type OldSystem } from "../../support/old-system/old-database.ts";
import { AS_FOUND, untouchedForms } from "../../support/old-system/old-form.ts";
import { oldRows } from "../../support/old-system/old-rows.ts";
import { rowsAsText } from "../../support/old-system/rows-as-text.ts";
import { schemaText } from "../../support/old-system/schema-text.ts";
import type { FreshDatabase } from "../../support/engines/postgres.ts";
import { watchedDatabase, type WatchedStatement } from "../../support/engines/watched-database.ts";

const TRIES = process.env.UPGRADE_CRASHES === "every" ? Infinity : 5;
const EVERY_STATEMENT_MS = 30 * 60_000;
const SEED = 3;

let old: OldSystem;
const opened: FreshDatabase[] = [];
beforeAll(async () => {
  old = await oldSystem();
});
afterAll(async () => {
  for (const database of opened) await database.drop();
  await old.drop();
});

test(
  "a crash leaves the old database whole up to the last statement, and the new one after it; the next run finishes",
  async () => {
    const other = await make();
    const { url, database } = await make();
    const before = await everything(database);

    const commit = await crash(other.url, ({ text }) => text === "COMMIT", "after");
    const after = await everything(other.database);
    const step = Math.max(1, commit / TRIES);
    for (let at = step; at <= commit; at += step) {
      const last = await crash(url, ({ number }) => number === Math.floor(at), "before");
      expect(last).toBe(Math.floor(at));
      expect(await everything(database), `crashed before statement ${last}`).toEqual(before);
    }
    const finished = await migrate(database);

    expect(commit).toBeGreaterThan(100);
    expect(await everything(database), "the answer to the other's COMMIT was lost").toEqual(after);
    expect((await migrate(other.database)).applied).toEqual([]);
    expect(finished.applied).not.toEqual([]);
  },
  EVERY_STATEMENT_MS,
);

/** Always the same rows, so that two databases hold the same. */
async function make(): Promise<FreshDatabase> {
  const [form = AS_FOUND] = fc.sample(untouchedForms, { numRuns: 1, seed: SEED });
  const [rows = {}] = fc.sample(oldRows(old.columns, form), { numRuns: 1, seed: SEED });
  const made = await old.database(form, rows);
  opened.push(made);
  return made;
}

/** Answers the number of the statement at which it crashed. */
async function crash(
  url: string,
  isIt: (statement: WatchedStatement) => boolean,
  when: "before" | "after",
): Promise<number> {
  let crashedAt = 0;
  const database = watchedDatabase(url, {
    [when]: (statement: WatchedStatement) => {
      if (!isIt(statement)) return;
      crashedAt = statement.number;
      statement.tear();
      throw new Error("the process died");
    },
  });
  await expect(migrate(database)).rejects.toThrow("the process died");
  await database.close();
  return crashedAt;
}

async function everything(database: Database): Promise<object> {
  return { schema: await schemaText(database), rows: await rowsAsText(database) };
}
