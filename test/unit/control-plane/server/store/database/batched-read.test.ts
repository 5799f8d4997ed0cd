import { expect, test } from "vitest";
import { inAuditScope } from "@remotegpu/control-plane/server/store/database/in-audit-scope";
import { openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { NO_CHANGES } from "@remotegpu/control-plane/server/store/database/audit-scope";
import { batchedRead } from "@remotegpu/control-plane/server/store/database/batched-read";
import { readingConnection } from "../../../../../support/engines/reading-connection.ts";

const noQueries = readingConnection(() => Promise.reject(new Error("nothing is asked of it")));

/** Answers every number but 0 with its double, and notes what was asked for at once. */
function doubles() {
  const reads: number[][] = [];
  const double = batchedRead<number, number>(async (_sql, questions) => {
    reads.push([...questions]);
    await Promise.resolve();
    if (questions.includes(13)) throw new Error("13 was asked");
    return new Map(questions.filter((n) => n !== 0).map((n) => [n, 2 * n]));
  });
  return { reads, double };
}

test("questions of one moment are read at once, each once, and each gets its own answer", async () => {
  const { reads, double } = doubles();

  const answers = await Promise.all([3, 1, 3, 0].map(async (n) => await double(noQueries, n)));

  expect(answers).toEqual([6, 2, 6, null]);
  expect(reads).toEqual([[3, 1, 0]]);
});

test("a question that comes while others are read is read anew", async () => {
  const { reads, double } = doubles();

  await double(noQueries, 1);
  await double(noQueries, 1);

  expect(reads).toEqual([[1], [1]]);
});

test("a failed read is reported to all who requested in it, and to nobody else", async () => {
  const { double } = doubles();

  const failed = await Promise.allSettled([13, 1].map(async (n) => await double(noQueries, n)));

  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(double(noQueries, 1)).resolves.toBe(2);
});

test("what is requested of two databases is not mixed", async () => {
  const { reads, double } = doubles();
  const other = readingConnection(() => Promise.reject(new Error("nothing is asked of it")));

  await Promise.all([double(noQueries, 1), double(other, 1)]);

  expect(reads).toEqual([[1], [1]]);
});

test("requests that each have an audit scope are read at once", async () => {
  const { reads, double } = doubles();
  // Connects with its first query, and there is none.
  const db = openDatabase("postgres://nobody@localhost:1/none");

  await Promise.all([1, 2, 3].map(async (n) => await double(inAuditScope(db, { ...NO_CHANGES }), n)));

  expect(reads).toEqual([[1, 2, 3]]);
});

test("one read has a thousand questions at most", async () => {
  const { reads, double } = doubles();
  const questions = Array.from({ length: 1_001 }, (_, n) => n + 100);

  const answers = await Promise.all(questions.map(async (n) => await double(noQueries, n)));

  expect(answers).toEqual(questions.map((n) => 2 * n));
  expect(reads.map(({ length }) => length)).toEqual([1_000, 1]);
});
