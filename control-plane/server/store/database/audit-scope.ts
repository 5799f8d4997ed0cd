/**
 * Whoever must know of a change inside of its transaction. A request has one scope, which is part of the handle to the
 * database that its route is given (`inAuditScope`): each transaction and each single change by that handle brings it
 * along, whatever store function that is. Knows nothing of what is recorded, and nothing of SQL.
 */
import assert from "node:assert/strict";
import type { QueryResultRow } from "pg";
import type { Connection } from "./database.ts";

export interface AuditScope {
  /** False once its request has been answered: what was begun by the request and goes on is not its own. */
  readonly isPresent: boolean;
  /** Before the first change of a transaction; again when the transaction is tried again. */
  before(sql: Connection): Promise<void>;
  /** A statement that made things of this kind, with the rows that it answered. */
  sawMade(kind: string, rows: readonly QueryResultRow[]): void;
  /** What is made has this id; for statements that do not answer it. */
  made(id: string): void;
  /**
   * Last in a transaction that changed something: what is written here is committed with the change, or not at all.
   * Where one transaction is the change of many, they are all there.
   */
  seal(sql: Connection, auditScopes: readonly AuditScope[]): Promise<void>;
  /** Its commit came through. */
  committed(): void;
}

/** The scope of whoever only reads: a change would be in no audit log, and fails. */
export const NO_CHANGES: AuditScope = {
  isPresent: true,
  before: () =>
    assert.fail("a route changes the database by its own handle (c.var.deps.db), whose changes are audited"),
  sawMade: () => undefined,
  made: () => undefined,
  seal: () => Promise.resolve(),
  committed: () => undefined,
};

export interface Watch extends Connection {
  /** To be called last; false where nothing was changed. */
  seal(): Promise<boolean>;
}

export function watch(sql: Connection, auditScope: AuditScope): Watch {
  let expecting: Promise<void> | null = null;
  let hasChanged = false;
  return {
    async query(text, values) {
      // Whatever is asked after a change waits with it, so that the order stays.
      if (expecting !== null) await expecting;
      return await sql.query(text, values);
    },
    async change(text, values, { makes } = {}) {
      expecting ??= auditScope.before(sql);
      await expecting;
      const result = await sql.change(text, values);
      if (result.rowCount > 0) {
        hasChanged = true;
        if (makes !== undefined) auditScope.sawMade(makes, result.rows);
      }
      // The row is what the caller says, as in Connection.
      return result as never;
    },
    async seal() {
      if (hasChanged) await auditScope.seal(sql, [auditScope]);
      return hasChanged;
    },
  };
}
