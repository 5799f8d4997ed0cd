/**
 * How the doctor asks: a question is a claim and the SQL that finds what breaks it, in a transaction that can write
 * nothing. Findings are counted all, listed up to a bound. A question that fails leaves its claim unchecked.
 */
import { type Check, type CheckResult, type Finding, resultOf } from "@remotegpu/shared/doctor";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Connection, Database } from "../database/database.ts";
import { StoreError } from "../database/store-error.ts";
import { transaction } from "../database/transaction.ts";

/** Findings listed of each question. */
export const MAX_LISTED = 20;
/** Some look at every row of a large table; one that takes longer is not checked. */
const QUESTION_TIMEOUT_MS = 10 * MS_PER_MINUTE;

export interface Found {
  readonly count: number;
  readonly findings: readonly Finding[];
  /** Where nothing was found: what is worth knowing all the same. */
  readonly notes?: readonly string[];
}

export interface Question extends Check {
  readonly request: (sql: Connection, now: Date, database: Database) => Promise<Found>;
}

export async function answer(database: Database, question: Question, now: Date): Promise<CheckResult> {
  const { check, claim, request } = question;
  try {
    const found = await transaction(
      database,
      async (sql) => {
        await sql.query("SET TRANSACTION READ ONLY");
        return await request(sql, now, database);
      },
      { statementTimeoutMs: QUESTION_TIMEOUT_MS },
    );
    return resultOf(question, found);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { check, claim, state: "not-checked", reason: error.message };
  }
}

/** The rows of `text`, the first ones by their first column told as findings. */
// The caller says what a row looks like; the SQL beside it is the proof.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export async function findRows<Row extends object>(
  sql: Connection,
  text: string,
  report: (row: Row) => Finding,
  values?: readonly unknown[],
): Promise<Found> {
  const { rows } = await sql.query<Row & { found_in_all: number }>(
    `SELECT found.*, count(*) OVER () AS found_in_all FROM (${text}) found ORDER BY 1 LIMIT ${MAX_LISTED}`,
    values,
  );
  return { count: rows[0]?.found_in_all ?? 0, findings: rows.map(report) };
}
