/** One pass over the history of cards: what is older than it is kept goes, some thousand rows at a time. */
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { setting } from "../../store/accounts/settings.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { forgetHistory } from "../../store/hosts/gpus/gpu-history.ts";

/** The rounds of one pass; the next one goes on. */
const MAX_ROUNDS = 20;

export async function oldGpuHistoryPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  const days = Number(await setting(db, "GPU_HISTORY_DAYS"));
  const before = new Date(now.getTime() - days * MS_PER_DAY);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const isMore = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return await forgetHistory(sql, before);
    });
    if (!isMore) return;
  }
}
