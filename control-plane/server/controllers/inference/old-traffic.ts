/** One pass over what services answered long ago: its rows are put together, some thousand at a time. */
import type { Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { compactGateways, compactOldTraffic } from "../../store/inference/gateway/traffic.ts";

/** The rounds of one pass; the next one goes on. */
const MAX_ROUNDS = 20;

interface Pass {
  term: number;
  now: Date;
}

export async function oldTrafficPass({ db }: { db: Database }, pass: Pass): Promise<void> {
  await putTogether(db, pass, compactOldTraffic);
  await putTogether(db, pass, compactGateways);
}

async function putTogether(
  db: Database,
  { term, now }: Pass,
  some: (sql: Transaction, now: Date) => Promise<boolean>,
): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const isMore = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return await some(sql, now);
    });
    if (!isMore) return;
  }
}
