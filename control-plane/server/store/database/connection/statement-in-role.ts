/**
 * One statement outside a transaction, in the application's role where its connection has to take it: both go out
 * together and are one transaction of Postgres' own, so it costs no way more, and nothing of it stays in the session.
 */
import { Query, type QueryResultRow, type Submittable } from "pg";
import { APPLICATION_ROLE } from "./application-role.ts";
import { type Answer, Batch, BatchPart } from "./batch.ts";

/** As a question with an answer: SET LOCAL would be warned of, since nothing says BEGIN. */
const TAKE_ROLE = `SELECT set_config('role', '${APPLICATION_ROLE}', true)`;

export interface Statement {
  text: string;
  /** Without them the text may be several statements. */
  values?: unknown[];
  timeoutMs: number;
}

/** How it is sent. */
interface Sent {
  takesRole: boolean;
  prepares: boolean;
}

type Answered = (error: unknown, answer: Answer | Promise<Answer>) => void;

export function statementAlone(statement: Statement, sent: Sent, answered: Answered): Submittable {
  return statement.values === undefined
    ? simpleStatement(statement, sent, answered)
    : extendedStatement(statement, sent, answered);
}

function simpleStatement(
  { text, timeoutMs }: Statement,
  { takesRole }: Sent,
  answered: Answered,
): Submittable {
  const all = takesRole ? `${TAKE_ROLE}; ${text}` : text;
  const query = new Query<QueryResultRow>(all, (error: Error | null | undefined, result) => {
    const { rows, rowCount } = lastOf(result) ?? { rows: [], rowCount: 0 };
    answered(error ?? null, { rows, rowCount: rowCount ?? 0 });
  });
  // Read by the driver, of which its types do not tell.
  return Object.assign(query, { query_timeout: timeoutMs });
}

function extendedStatement(
  statement: Statement,
  { takesRole, prepares }: Sent,
  answered: Answered,
): Submittable {
  const own = new BatchPart(statement);
  const role = new BatchPart({ text: TAKE_ROLE, values: [], timeoutMs: 0 });
  for (const { answer } of [own, role]) answer.catch(() => undefined);
  const parts = takesRole ? [role, own] : [own];
  return new Batch(parts, { prepares, done: (failure) => answered(failure, own.answer) });
}

/** The last of several results, which the driver returns as a list. */
function lastOf<Row extends QueryResultRow>(
  result: { rows: Row[]; rowCount: number | null } | { rows: Row[]; rowCount: number | null }[] | undefined,
): { rows: Row[]; rowCount: number | null } | undefined {
  return Array.isArray(result) ? result.at(-1) : result;
}
