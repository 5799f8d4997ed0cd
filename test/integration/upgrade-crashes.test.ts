/**
 * The process of an upgrade dies at a statement. A few statements are tried here; with UPGRADE_CRASHES=every, each in
 * turn (`npm run proof:upgrade-crashes`).
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "@remotegpu/control-plane/store/database";
import { migrate } from "@remotegpu/control-plane/store/migrate";
import { MigrationError } from "@remotegpu/control-plane/store/migration-error";
import { crashingDatabase } from "../support/crashing-database.ts";
import { oldSystem, type OldSystem } from "../support/old-system/old-database.ts";
import { AS_FOUND, untouchedForms } from "../support/old-system/old-form.ts";
import { oldRows } from "../support/old-system/old-rows.ts";
import { rowsAsText } from "../support/old-system/rows-as-text.ts";
import { schemaText } from "../support/old-system/schema-text.ts";
import type { FreshDatabase } from "../support/postgres.ts";

const TRIES = process.env.UPGRADE_CRASHES === "every" ? Infinity : 6;
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
  "a crash leaves the old database whole up to the last statement, and the new one after it",
  async () => {
    const { url, database } = await make();
    const upgraded = await make();
    const statements = await statementsOfUpgrade(upgraded.url);
    const before = await everything(database);
    const after = await everything(upgraded.database);
    const commit = statements.indexOf("COMMIT") + 1;
    const step = Math.max(1, commit / TRIES);

    for (let at = step; at <= commit; at += step) {
      const last = await crash(url, { at: Math.floor(at), when: "before" });
      expect(last.at).toBe(Math.floor(at));
      expect(await everything(database), `crashed before statement ${last.at}: ${last.statement}`).toEqual(
        before,
      );
    }
    const last = await crash(url, { at: commit, when: "after" });

    expect(last).toEqual({ at: commit, statement: "COMMIT" });
    expect(commit).toBeGreaterThan(100);
    expect(await everything(database), "the answer to the COMMIT was lost").toEqual(after);
    expect((await migrate(database)).applied).toEqual([]);
  },
  EVERY_STATEMENT_MS,
);

test("the run after a crash finishes", async () => {
  const { url, database } = await make();
  const upgraded = await make();
  const commit = (await statementsOfUpgrade(upgraded.url)).indexOf("COMMIT") + 1;
  await crash(url, { at: commit, when: "before" });

  await migrate(database);

  expect(await everything(database)).toEqual(await everything(upgraded.database));
});

/** Always the same rows, so that two databases hold the same. */
async function make(): Promise<FreshDatabase> {
  const [form = AS_FOUND] = fc.sample(untouchedForms, { numRuns: 1, seed: SEED });
  const [rows = {}] = fc.sample(oldRows(old.columns, form), { numRuns: 1, seed: SEED });
  const made = await old.database(form, rows);
  opened.push(made);
  return made;
}

async function statementsOfUpgrade(url: string): Promise<readonly string[]> {
  const database = crashingDatabase(url, { at: Infinity, when: "before" });
  await migrate(database);
  await database.close();
  return database.statements;
}

/** Answers where it crashed. */
async function crash(
  url: string,
  at: { at: number; when: "before" | "after" },
): Promise<{ at: number; statement: string | undefined }> {
  const database = crashingDatabase(url, at);
  await expect(migrate(database)).rejects.toThrow(MigrationError);
  await database.close();
  return { at: database.statements.length, statement: database.statements.at(-1) };
}

async function everything(database: Database): Promise<object> {
  return { schema: await schemaText(database), rows: await rowsAsText(database) };
}
