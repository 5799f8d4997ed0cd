/** A database that was emptied is as one that was just made: all rows of all tables, and what sequences give next. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Connection } from "@remotegpu/control-plane/server/store/database/database";
import { transaction } from "@remotegpu/control-plane/server/store/database/transaction";
import { type FreshDatabase, databaseOfFile, freshDatabase } from "../../support/engines/postgres.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";

const emptyDatabase = databaseOfFile();

let fresh: FreshDatabase;
beforeAll(async () => {
  fresh = await freshDatabase();
});
afterAll(async () => await fresh.drop());

/** By table and by sequence. */
async function contentOf(sql: Connection): Promise<Record<string, unknown>> {
  const { rows: tables } = await sql.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1",
  );
  const content: Record<string, unknown> = {};
  for (const { name } of tables) {
    const { rows } = await sql.query<{ row: unknown }>(`SELECT to_jsonb(t) AS row FROM ${name} t ORDER BY 1`);
    content[name] = rows.map(({ row }) => row);
  }
  const { rows: sequences } = await sql.query<{ name: string; last: number | null }>(
    "SELECT sequencename AS name, last_value AS last FROM pg_sequences ORDER BY 1",
  );
  for (const { name, last } of sequences) content[`sequence ${name}`] = last;
  return content;
}

/** An environment comes to run on a host, and somebody writes by hand where the product has not. */
async function use(own: FreshDatabase): Promise<number> {
  const scene = await openControlScene(own);
  const alice = await scene.customer("alice");
  const host = await scene.host("host-1", { gpus: 1, leases: true });
  await scene.order(alice, { gpu: 1 });
  await scene.schedule();
  await host.round();
  await own.database.query("UPDATE cluster_state SET db_incarnation = db_incarnation + 1");
  const written = Object.values(await contentOf(own.database)).filter(
    (rows) => Array.isArray(rows) && rows.length > 0,
  );
  await scene.close();
  return written.length;
}

test("an emptied database has the rows and the sequences of a fresh one, however often it was used", async () => {
  const content = await contentOf(fresh.database);
  expect(content).toMatchObject({ leader: [{ term: 0 }], cluster_state: [{}], customers: [] });

  for (const own of [await emptyDatabase(), await emptyDatabase()]) {
    expect(await contentOf(own.database)).toEqual(content);
    expect(await use(own)).toBeGreaterThan(20);
  }
  for (const own of [await emptyDatabase(), await emptyDatabase()])
    expect(await contentOf(own.database)).toEqual(content);
});

test("tables that only grow are emptied, too, and guarded again afterwards", async () => {
  const own = await emptyDatabase();
  await use(own);
  const emptied = await emptyDatabase();

  expect((await emptied.database.query("SELECT FROM audit_log")).rowCount).toBe(0);
  await use(emptied);
  await expect(emptied.database.query("DELETE FROM audit_log")).rejects.toThrow("is append-only");
});

test("a database in which somebody is still at work is not emptied under them", async () => {
  const own = await emptyDatabase();
  const goOn = Promise.withResolvers<void>();
  const inside = Promise.withResolvers<void>();
  const left = transaction(own.application, async (sql) => {
    await sql.query("INSERT INTO settings (key, value) VALUES ($1, 'a')", ["LEFT"]);
    inside.resolve();
    await goOn.promise;
  });
  await inside.promise;
  await own.drop();

  const next = emptyDatabase();
  goOn.resolve();
  await left;

  expect((await (await next).database.query("SELECT FROM settings")).rowCount).toBe(0);
});
