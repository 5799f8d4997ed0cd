/** A handle of the database for one request, whose changes the audit log has. */
import type { AuditScope } from "./audit-scope.ts";
import type { Database } from "./database.ts";
import { transaction } from "./transaction.ts";

/**
 * The database by a handle whose changes are in this scope: a single one is a transaction together with what is recorded
 * of it.
 */
export function inAuditScope(database: Database, auditScope: AuditScope): Database {
  const inScope: Database = {
    ...database,
    auditScope,
    change: async (text, values, of) =>
      auditScope.isPresent
        ? await transaction(inScope, async (sql) => await sql.change(text, values, of))
        : await database.query(text, values),
  };
  return inScope;
}
