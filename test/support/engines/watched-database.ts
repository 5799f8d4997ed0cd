/**
 * A database whose transactions are watched, statement by statement: what watches may wait, or tear the connection
 * without a word, as when the process dies. A text of many statements is sent as many, so that each is seen.
 */
import { Batch } from "@remotegpu/control-plane/server/store/database/connection/batch";
import type { PoolClient } from "pg";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { oneByOne } from "./one-by-one.ts";

export interface WatchedStatement {
  /** From 1, BEGIN and COMMIT included. */
  number: number;
  text: string;
  /** Ends the connection. */
  tear: () => void;
}

export interface Watch {
  before?: (statement: WatchedStatement) => Promise<void> | void;
  after?: (statement: WatchedStatement) => Promise<void> | void;
}

/** As the owner, who migrates, unless it is for the application. */
export function watchedDatabase(
  url: string,
  { before, after }: Watch,
  runsAs: "owner" | "application" = "owner",
): Database {
  const database = openDatabase(url, { maxConnections: 1, runsAs });
  let statements = 0;
  const connect = database.pool.connect.bind(database.pool) as (callback?: unknown) => Promise<PoolClient>;
  const connectWatched = async (callback?: unknown): Promise<PoolClient> => {
    // The pool's own query asks with a callback: not a transaction, and not watched.
    if (callback !== undefined) return connect(callback);
    const client = await connect();
    const query = client.query.bind(client) as (requested: object) => Promise<unknown>;
    const tear = () =>
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    const one = async <T>(text: string, send: () => Promise<T>): Promise<T> => {
      if (text === "ROLLBACK") return await send();
      statements += 1;
      const statement = { number: statements, text, tear };
      await before?.(statement);
      const answer = await send();
      await after?.(statement);
      return answer;
    };
    const each = async (requested: { text: string } | Batch): Promise<unknown> => {
      if (requested instanceof Batch) return await oneByOne(requested, query, one);
      let answer: unknown;
      for (const text of statementsOf(requested.text))
        answer = await one(text, () => query({ ...requested, text }));
      return answer;
    };
    return Object.assign(Object.create(client) as PoolClient, { query: each });
  };
  Object.assign(database.pool, { connect: connectWatched });
  return database;
}

/** What stands between two semicolons, where those are no part of a text, a name, a body or a comment. */
function statementsOf(sql: string): string[] {
  const found = [""];
  for (const [part] of sql.matchAll(/'[^']*'|"[^"]*"|\$(\w*)\$.*?\$\1\$|--[^\n]*|\/\*.*?\*\/|./gs)) {
    if (part === ";") found.push("");
    else if (!part.startsWith("--")) found.push((found.pop() ?? "") + part);
  }
  return found.map((statement) => statement.trim()).filter((statement) => statement !== "");
}
