/** What something would do: it is done within the transaction, looked at, and taken back before anybody else sees it. */
import type { Transaction } from "./database.ts";

/** What `work` throws ends the transaction as always. */
export async function rolledBack<T>(sql: Transaction, work: () => Promise<T>): Promise<T> {
  await sql.query("SAVEPOINT taken_back");
  const answer = await work();
  await sql.query("ROLLBACK TO SAVEPOINT taken_back");
  return answer;
}
