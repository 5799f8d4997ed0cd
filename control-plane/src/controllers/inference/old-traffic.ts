/** One pass over what services answered long ago: its minutes are put together, some thousand rows at a time. */
import { type Database, transaction } from "../../store/database/database.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { putOldTrafficTogether } from "../../store/inference/traffic.ts";

/** Of one pass; the next one goes on. */
const MAX_ROUNDS = 20;

export async function oldTrafficPass(
  { db }: { db: Database },
  { term, now }: { term: number; now: Date },
): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const isMore = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return await putOldTrafficTogether(sql, now);
    });
    if (!isMore) return;
  }
}
