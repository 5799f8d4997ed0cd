/**
 * One statement outside a transaction, in the application's role where its connection has to take it: both go out
 * together and are one transaction of Postgres' own, so it costs no way more, and nothing of it stays in the session.
 * Speaks the driver's protocol as copy-in.ts does.
 */
import { type Connection, Query, type QueryResultRow } from "pg";
import { APPLICATION_ROLE } from "./application-role.ts";

/** As a question with an answer: SET LOCAL would be warned of, since nothing says BEGIN. */
const TAKE_ROLE = `SELECT set_config('role', '${APPLICATION_ROLE}', true)`;

export interface Statement {
  text: string;
  values?: unknown[];
  name?: string;
  timeoutMs: number;
}

export interface StatementResult<Row extends QueryResultRow> {
  rows: Row[];
  rowCount: number | null;
  command: string;
}

export class StatementInRole<Row extends QueryResultRow> extends Query<Row> {
  /** Read by the driver. */
  readonly query_timeout: number;

  /** @param takesRole asked when the connection is known */
  constructor(
    { timeoutMs, ...statement }: Statement,
    takesRole: () => boolean,
    answer: (error: Error | null, result: StatementResult<Row>) => void,
  ) {
    super(statement, (error: Error | null | undefined, result) => answer(error ?? null, lastOf(result)));
    this.query_timeout = timeoutMs;
    const submitAlone = this.submit;
    this.submit = (connection) => {
      if (!takesRole()) return submitAlone.call(this, connection);
      if ((statement.values ?? []).length === 0) return connection.query(`${TAKE_ROLE}; ${statement.text}`);
      connection.stream.cork();
      try {
        takeRole(connection);
        return submitAlone.call(this, connection);
      } finally {
        connection.stream.uncork();
      }
    };
  }
}

/** Without a Sync: the statement that follows ends what this begins. */
function takeRole(connection: Connection): void {
  connection.parse({ name: "", text: TAKE_ROLE, types: [] }, true);
  connection.bind({ portal: "", statement: "", binary: "", values: [] }, true);
  connection.describe({ type: "P", name: "" }, true);
  connection.execute({ portal: "", rows: "" }, true);
}

/** Of several statements the driver tells a list. */
function lastOf<Result>(result: Result | Result[]): Result {
  return Array.isArray(result) ? (result.at(-1) as Result) : result;
}
