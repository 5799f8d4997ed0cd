/**
 * A database whose process dies at one chosen statement: the connection is torn without a word, before the statement
 * is sent or after its answer came. A text of many statements is sent as many, so that each can be chosen.
 */
import type { PoolClient } from "pg";
import { type Database, openDatabase } from "@remotegpu/control-plane/store/database";

export interface CrashingDatabase extends Database {
  /** Those of transactions, BEGIN and COMMIT included, up to the one that was chosen. */
  readonly statements: readonly string[];
}

/** Statements count from 1. */
export function crashingDatabase(
  url: string,
  crash: { at: number; when: "before" | "after" },
): CrashingDatabase {
  const database = openDatabase(url, { maxConnections: 1 });
  const statements: string[] = [];
  const connect = database.pool.connect.bind(database.pool) as (callback?: unknown) => Promise<PoolClient>;
  const connectCrashing = async (callback?: unknown): Promise<PoolClient> => {
    // The pool's own query asks with a callback: not a transaction, and not counted.
    if (callback !== undefined) return connect(callback);
    const client = await connect();
    const query = client.query.bind(client) as (asked: object) => Promise<unknown>;
    const one = async (asked: { text: string }): Promise<unknown> => {
      if (asked.text === "ROLLBACK") return await query(asked);
      statements.push(asked.text);
      if (statements.length !== crash.at) return await query(asked);
      if (crash.when === "after") await query(asked);
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      return await query(asked);
    };
    const each = async (asked: { text: string; values?: unknown[] }): Promise<unknown> => {
      let answer: unknown;
      const texts = asked.values === undefined ? statementsOf(asked.text) : [asked.text];
      for (const text of texts) answer = await one({ ...asked, text });
      return answer;
    };
    return Object.assign(Object.create(client) as PoolClient, { query: each });
  };
  Object.assign(database.pool, { connect: connectCrashing });
  return { ...database, statements };
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
