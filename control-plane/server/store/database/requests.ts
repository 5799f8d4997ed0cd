/** One statement to Postgres: alone, by a connection of the pool, or by the connection of a transaction. */
import { Pool, type PoolClient, type QueryResultRow } from "pg";
import { asStoreError } from "./store-error.ts";
import { arrayLiteral } from "./values/array-literal.ts";
import type { Answer } from "./connection/batch.ts";
import type { ConnectionRole } from "./connection/connection-role.ts";
import type { Pipeline } from "./connection/pipeline.ts";
import { isStalePlan } from "./connection/prepared-statements.ts";
import { NoPrimaryError, type PrimaryWatch } from "./connection/primary-watch.ts";
import { type Statement, statementAlone } from "./connection/statement-in-role.ts";

export const STATEMENT_TIMEOUT_MS = 30_000;

/** The primary may be another one since it was looked at: of several hosts it is looked at again, once. */
export async function connected({ pool, primaryWatch }: PrimaryPool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    if (primaryWatch === null || error instanceof NoPrimaryError) throw error;
    primaryWatch.doubt();
    return await pool.connect();
  }
}

export interface PrimaryPool {
  pool: Pool;
  primaryWatch: PrimaryWatch | null;
}

interface Question {
  text: string;
  values: readonly unknown[] | undefined;
  timeoutMs: number;
}

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export async function requestWithin<Row extends QueryResultRow>(
  { client, pipeline }: { client: PoolClient; pipeline: Pipeline },
  question: Question,
): Promise<{ rows: Row[]; rowCount: number }> {
  const statement = requested(question);
  try {
    // Without values it may be several statements.
    const isAlone = question.values === undefined;
    const { rows, rowCount } = await (isAlone
      ? pipeline.alone(() => requestSimply(client, statement))
      : pipeline.request(statement));
    return { rows: rows as Row[], rowCount };
  } catch (cause) {
    throw asStoreError(cause, undefined);
  }
}

/** By the simple protocol. @throws StoreError */
export async function requestSimply(
  client: PoolClient,
  { timeoutMs, text }: Statement,
): Promise<{ rows: QueryResultRow[]; rowCount: number; command: string }> {
  // Read by the driver, of which its types do not tell.
  const timed = { text, query_timeout: timeoutMs };
  try {
    const { rows, rowCount, command } = await client.query<QueryResultRow>(timed);
    return { rows, rowCount: rowCount ?? 0, command };
  } catch (cause) {
    throw asStoreError(cause, undefined);
  }
}

/** Outside every transaction. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export async function requestAlone<Row extends QueryResultRow>(
  through: PrimaryPool & { role: ConnectionRole },
  question: Question,
): Promise<{ rows: Row[]; rowCount: number }> {
  const statement = requested(question);
  try {
    const { rows, rowCount } = await answerOf(through, statement, true).catch(async (error: unknown) => {
      if (!isStalePlan(error)) throw error;
      return await answerOf(through, statement, false);
    });
    return { rows: rows as Row[], rowCount };
  } catch (cause) {
    throw asStoreError(cause, through.pool);
  }
}

async function answerOf(
  { pool, primaryWatch, role }: PrimaryPool & { role: ConnectionRole },
  statement: Statement,
  prepares: boolean,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    let isAgain = primaryWatch === null;
    const work: Parameters<Pool["connect"]>[0] = (unreachable, client, release) => {
      if (client === undefined) {
        if (isAgain || unreachable instanceof NoPrimaryError)
          return reject(unreachable ?? new Error("no connection"));
        isAgain = true;
        primaryWatch?.doubt();
        return pool.connect(work);
      }
      client.on("error", ignoreBrokenConnection);
      const sent = { takesRole: role.footing === "in-role", prepares };
      const alone = statementAlone(statement, sent, (failure, answer) => {
        client.off("error", ignoreBrokenConnection);
        release(failure ?? undefined);
        if (failure === null) resolve(answer);
        else reject(failure);
      });
      client.query(alone);
    };
    pool.connect(work);
  });
}

/** Without values the simple protocol is used, which takes several statements at once and prepares none. */
function requested({ text, values, timeoutMs }: Question): Statement {
  return { text, timeoutMs, ...(values !== undefined && { values: values.map(parameter) }) };
}

function parameter(value: unknown): unknown {
  return Array.isArray(value) ? (arrayLiteral(value) ?? value) : value;
}

/** Without a listener a connection that breaks between two queries would end the process. The next query reports it. */
export function ignoreBrokenConnection(): void {}
