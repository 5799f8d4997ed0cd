/** Databases for integration tests: migrated and empty, made in milliseconds, each for one test or one file. */
import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { type Database, openDatabase } from "@remotegpu/control-plane/store/database/database";
import { TEMPLATE } from "./postgres-server.ts";

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
  const database = openDatabase(url.href, { actsAs: "owner" });
  const application = openDatabase(url.href);
  return {
    url: url.href,
    database,
    application,
    async drop() {
      await database.close();
      await application.close();
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.close();
    },
  };
}
