/** A database that fails at one chosen statement of a transaction, before or after Postgres has done it. */
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { Batch } from "@remotegpu/control-plane/server/store/database/connection/batch";
import type { PoolClient } from "pg";
import { oneByOne } from "./one-by-one.ts";

export interface FailingDatabase extends Database {
  /** Whether the chosen statement was reached. */
  hasFailed(): boolean;
  /** How many statements of transactions there were so far. */
  statements(): number;
}

/**
 * Counts statements from 1, BEGIN and COMMIT included; "COMMIT" is the first of them. Failing after a COMMIT is a lost
 * answer: it is done.
 */
export function failingDatabase(
  url: string,
  fail: { at: number | "COMMIT"; when: "before" | "after" },
): FailingDatabase {
  const database = openDatabase(url, { maxConnections: 1 });
  let statements = 0;
  let failed = false;
  const connect = database.pool.connect.bind(database.pool) as (callback?: unknown) => Promise<PoolClient>;
  const connectFailing = async (callback?: unknown): Promise<PoolClient> => {
    // The pool's own query asks with a callback: not a transaction, and not counted.
    if (callback !== undefined) return connect(callback);
    const client = await connect();
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    const one = async <T>(text: string, send: () => Promise<T>): Promise<T> => {
      if (text === "ROLLBACK") return await send();
      statements += 1;
      const isChosen = fail.at === "COMMIT" ? text === "COMMIT" && !failed : statements === fail.at;
      if (!isChosen) return await send();
      failed = true;
      if (fail.when === "after") await send();
      throw new Error(`the world failed at statement ${fail.at}: ${text.slice(0, 60)}`);
    };
    const failingQuery = async (...given: unknown[]): Promise<unknown> => {
      const [requested] = given as [{ text?: string } | string | Batch];
      if (requested instanceof Batch) return await oneByOne(requested, query, one);
      const text = typeof requested === "string" ? requested : (requested.text ?? "");
      return await one(text, () => query(...given));
    };
    return Object.assign(Object.create(client) as PoolClient, { query: failingQuery });
  };
  Object.assign(database.pool, { connect: connectFailing });
  return { ...database, hasFailed: () => failed, statements: () => statements };
}
