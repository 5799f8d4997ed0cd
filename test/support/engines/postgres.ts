/**
 * Databases for integration tests, migrated and empty. A file whose tests each begin with an empty one has one database,
 * which is emptied between them (`databaseOfFile`); whoever breaks a database makes a fresh one.
 */
import { randomBytes } from "node:crypto";
import { afterAll, expect, inject } from "vitest";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { eventually } from "../eventually.ts";
import { EMPTY_DATABASE } from "./postgres-servers/emptying.ts";
import { notePlanCounts } from "./postgres-servers/plan-counts.ts";
import { TEMPLATE } from "./postgres-servers/postgres-server.ts";

export interface FreshDatabase {
  url: string;
  /** As the owner of its tables: for what a test prepares, looks at and breaks. */
  database: Database;
  /** As the control plane works on it: in the application's role. */
  application: Database;
  /** Closes the pool and removes the database, whoever is still connected to it. */
  drop(): Promise<void>;
}

/** A migrated database; with `template: "template0"` one without any table. Needs the server of postgres-server.ts. */
export async function freshDatabase({
  serverUrl = inject("postgresUrl"),
  template = TEMPLATE,
}: { serverUrl?: string; template?: string } = {}): Promise<FreshDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const admin = openDatabase(serverUrl, { maxConnections: 1 });
  // Copying files takes a third of the time that writing them into the log does.
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
  const url = new URL(serverUrl);
  url.pathname = name;
  const database = openDatabase(url.href, { runsAs: "owner" });
  const application = openDatabase(url.href);
  return {
    url: url.href,
    database,
    application,
    async drop() {
      await database.close();
      await application.close();
      await notePlanCounts(admin, { database: name, fileOf: () => expect.getState().testPath ?? "" });
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.close();
    },
  };
}

/**
 * Hands out a database that is as a fresh one, as often as a test of this file asks; `drop` gives it back, for the next
 * one. A second that is asked for meanwhile is another one. Pools stay open, so statements stay prepared. To be called
 * where tests are defined.
 */
export function databaseOfFile(): () => Promise<FreshDatabase> {
  const made: FreshDatabase[] = [];
  const free: FreshDatabase[] = [];
  afterAll(async () => {
    for (const one of made.splice(0)) await one.drop();
  });
  return async () => {
    const used = free.pop();
    if (used !== undefined) await empty(used);
    const one = used ?? (await freshDatabase());
    if (used === undefined) made.push(one);
    // What remembers something of a database, by the object that it is, begins anew.
    return {
      url: one.url,
      database: { ...one.database },
      application: { ...one.application },
      drop: () => Promise.resolve(void free.push(one)),
    };
  };
}

async function empty({ database }: FreshDatabase): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.query<{ query: string }>(AT_WORK, []);
    const [atWork] = rows;
    if (atWork !== undefined) throw new Error(`the test before is still at work: ${atWork.query}`);
    return true;
  });
  await database.query(EMPTY_DATABASE, []);
}

/** What a test has begun and not ended would write into the next one's database. */
const AT_WORK = `
  SELECT query FROM pg_stat_activity
   WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'`;
