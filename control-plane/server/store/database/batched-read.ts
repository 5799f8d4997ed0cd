/**
 * Answers questions that are asked in the same moment with one statement. In a rush of requests most of what a small
 * read costs is its way to Postgres and back. Every answer is read after its question was asked: nothing is kept.
 * Questions wait beside their own connection and for one moment alone, so nobody shares anything with another. All handles
 * of one database have one connection here, whatever audit scope each is in: they read by the same function.
 */
import type { Connection } from "./database.ts";

/** The questions of one statement. */
const MAX_QUESTIONS = 1_000;

interface BatchedQuestion<Question, Answer> {
  question: Question;
  resolve: (answer: Answer | null) => void;
  reject: (error: unknown) => void;
}

/** @param read the answers by question; null is told of a question without one */
export function batchedRead<Question, Answer>(
  read: (sql: Connection, questions: readonly Question[]) => Promise<ReadonlyMap<Question, Answer>>,
): (sql: Connection, question: Question) => Promise<Answer | null> {
  const waiting = new WeakMap<Connection["query"], BatchedQuestion<Question, Answer>[]>();

  async function answer(
    sql: Connection,
    requested: readonly BatchedQuestion<Question, Answer>[],
  ): Promise<void> {
    try {
      const answers = await read(sql, [...new Set(requested.map(({ question }) => question))]);
      for (const { question, resolve } of requested) resolve(answers.get(question) ?? null);
    } catch (error) {
      for (const { reject } of requested) reject(error);
    }
  }

  return async (sql, question) =>
    await new Promise((resolve, reject) => {
      const known = waiting.get(sql.query);
      if (known !== undefined && known.length < MAX_QUESTIONS) {
        known.push({ question, resolve, reject });
        return;
      }
      const requested = [{ question, resolve, reject }];
      waiting.set(sql.query, requested);
      setImmediate(() => {
        if (waiting.get(sql.query) === requested) waiting.delete(sql.query);
        void answer(sql, requested);
      });
    });
}
