/**
 * Whoever must know of a change inside of its transaction. A request sets its witness once, and every transaction and
 * every single statement on its way that changes something meets it, whatever route and store function that is: so no
 * change can forget it. Knows what a change is by its SQL, and nothing of what is witnessed.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { QueryResultRow } from "pg";
import type { Connection } from "./database.ts";

export interface AuditScope {
  /** False once its request has been answered: what was begun by the request and goes on is not its own. */
  readonly isPresent: boolean;
  /** Before the first statement of a transaction that may change something; again when the transaction is tried again. */
  before(sql: Connection): Promise<void>;
  /** A statement that changed something, with the rows that it answered. */
  saw(statement: string, rows: readonly QueryResultRow[]): void;
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

const auditScopes = new AsyncLocalStorage<AuditScope | undefined>();

export async function inAuditScope<T>(auditScope: AuditScope, work: () => Promise<T>): Promise<T> {
  return await auditScopes.run(auditScope, work);
}

/** For what serves many requests at once, or none. */
export async function unwitnessed<T>(work: () => Promise<T>): Promise<T> {
  return await auditScopes.run(undefined, work);
}

export function currentAuditScope(): AuditScope | undefined {
  const auditScope = auditScopes.getStore();
  return auditScope?.isPresent === true ? auditScope : undefined;
}

export function isInScope(statement: string): boolean {
  return currentAuditScope() !== undefined && mayChange(statement);
}

export interface Watch {
  query: Connection["query"];
  /** To be called last; false where nothing was changed. */
  seal(): Promise<boolean>;
}

export function watch(query: Connection["query"], auditScope: AuditScope): Watch {
  let expecting: Promise<void> | null = null;
  let hasChanged = false;
  return {
    async query(text, values) {
      const isChange = mayChange(text);
      if (isChange) expecting ??= auditScope.before({ query });
      // Whatever is asked after a change waits with it, so that the order stays.
      if (expecting !== null) await expecting;
      const result = await query(text, values);
      if (isChange && result.rowCount > 0) {
        hasChanged = true;
        auditScope.saw(text, result.rows);
      }
      // The row is what the caller says, as in Connection.
      return result as never;
    },
    async seal() {
      if (hasChanged) await auditScope.seal({ query }, [auditScope]);
      return hasChanged;
    },
  };
}

const CHANGE = /^\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s/i;
const CHANGE_WITHIN =
  /^\s*WITH\s[^]*(?:\bINSERT\s+INTO|\bDELETE\s+FROM|(?<!\bFOR(?:\s+NO\s+KEY)?\s+)\bUPDATE)\s/i;
/** What every request leaves, whatever comes of it. */
const TRACE =
  /^\s*(?:(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:idempotency_keys|audit_log)\b|UPDATE\s+(?:api_keys|browser_sessions)\s+SET\s+last_used_at\b)/i;

function mayChange(statement: string): boolean {
  return (CHANGE.test(statement) || CHANGE_WITHIN.test(statement)) && !TRACE.test(statement);
}
