/**
 * As whom the connections of a pool work. A login that can read and add, and cannot change the books, works as it is.
 * Any other takes the application's role anew in each transaction and for each single statement, if it may: a pooler
 * gives the next one another session, and takes a session's role to others. Asked of each connection that is made.
 */
import type { ClientBase } from "pg";
import { APPEND_ONLY_TABLES } from "./append-only.ts";
import { APPLICATION_ROLE } from "./application-role.ts";
import { connectionOf, sessionOf } from "./driver-internals.ts";
import { letPrepare } from "./prepared-statements.ts";

/** `unguarded`: it could change the books, and has no role that it might take instead. */
export type Footing = "itself" | "in-role" | "unguarded";

const REQUEST_TIMEOUT_MS = 10_000;

const REQUEST_SESSION = "SELECT pg_backend_pid() AS pid, 'itself' AS footing";

/** Since Postgres 16 a member may be one without the right to SET ROLE. */
const REQUEST_SESSION_AND_ROLE = `
  SELECT pg_backend_pid() AS pid,
    CASE
      WHEN NOT EXISTS (
        SELECT FROM pg_class c
         WHERE c.relnamespace = current_schema()::regnamespace
           AND c.relname IN (${APPEND_ONLY_TABLES.map((table) => `'${table}'`).join(", ")})
           AND (has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE') OR has_any_column_privilege(c.oid, 'UPDATE')
             OR NOT has_table_privilege(c.oid, 'INSERT'))) THEN 'itself'
      WHEN EXISTS (
        SELECT FROM pg_roles r
         WHERE r.rolname = '${APPLICATION_ROLE}'
           AND CASE WHEN current_setting('server_version_num')::int >= 160000 THEN pg_has_role(r.oid, 'SET')
                    ELSE pg_has_role(r.oid, 'MEMBER') END
           AND EXISTS (SELECT FROM pg_class c
                        WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = 'ledger_entries'
                          AND has_table_privilege(r.oid, c.oid, 'INSERT'))) THEN 'in-role'
      ELSE 'unguarded'
    END AS footing`;

export class ConnectionRole {
  readonly #question: string;
  #footing: Footing = "itself";
  #isPooled = false;

  /** The owner is whoever comes; the application may have to take its role. */
  constructor(runsAs: "application" | "owner") {
    this.#question = runsAs === "owner" ? REQUEST_SESSION : REQUEST_SESSION_AND_ROLE;
  }

  /** What the newest connection was found to be. */
  get footing(): Footing {
    return this.#footing;
  }

  /** True where a pooler stands between: who answers is not the session that greeted us. */
  get isPooled(): boolean {
    return this.#isPooled;
  }

  async check(client: ClientBase): Promise<void> {
    const question = { text: this.#question, query_timeout: REQUEST_TIMEOUT_MS };
    const { rows } = await client.query<{ pid: number; footing: Footing }>(question);
    const [found] = rows;
    if (found === undefined) return;
    this.#footing = found.footing;
    this.#isPooled = sessionOf(client) !== found.pid;
    if (!this.#isPooled) letPrepare(connectionOf(client));
  }
}
