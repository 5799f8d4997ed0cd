/**
 * One pass over replicas that load: what of their time is free by their payers' allowances is written down, payer by payer.
 * It grants only beyond what stands there, so that a pass which is cut off, or done twice, changes nothing.
 */
import { freeLoading, hourOf, loadingTime } from "../../core/billing/free-loading.ts";
import { loadingSentence } from "../../core/billing/broken-time/broken-sentence.ts";
import { sentenceEvidence } from "../../store/billing/runs/waiver-evidence.ts";
import type { Log } from "@remotegpu/shared/log";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import {
  grantedSince,
  type LoadingRunRow,
  lockLoadingRuns,
  payersOfLoading,
  settleLoading,
} from "../../store/billing/runs/free-loading.ts";
import { provenTimes } from "../../store/billing/runs/run-time.ts";
import { waivedTimes, waiveLoading } from "../../store/billing/runs/run-waivers.ts";
import type { Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm, LeadershipLostError } from "../../store/database/leader.ts";
import { setting } from "../../store/accounts/settings.ts";

interface Pass {
  term: number;
  now: Date;
}

/**
 * One payer's trouble is no other's: it is tried again with the next pass.
 * @throws LeadershipLostError when another replica leads by now; StoreError when nothing can be read
 */
export async function freeLoadingPass(
  { db, log }: { db: Database; log: Log },
  { term, now }: Pass,
): Promise<void> {
  for (const customerId of await payersOfLoading(db))
    try {
      await transaction(db, async (sql) => {
        await assertTerm(sql, term);
        await grantLoading(sql, customerId, now);
      });
    } catch (error) {
      if (error instanceof LeadershipLostError) throw error;
      log.error({ error, customerId }, "a payer's free loading was not written down");
    }
}

async function grantLoading(sql: Transaction, customerId: number, now: Date): Promise<void> {
  const rows = await lockLoadingRuns(sql, customerId);
  const ids = rows.map(({ id }) => id);
  const proven = await provenTimes(sql, ids);
  const waived = await waivedTimes(
    sql,
    rows.map(({ id, waive_from: waiveFrom }) => ({ id, waiveFrom })),
  );
  const runs = rows.map(({ id, ordered_at: orderedAt, served_at: servedAt }) => ({
    id,
    orderedMs: orderedAt.getTime(),
    loading: loadingTime({
      proven: proven.get(id) ?? [],
      waived: waived.get(id) ?? [],
      servedMs: servedAt?.getTime() ?? null,
    }),
  }));
  const minutes = Number(await setting(sql, "FREE_LOADING_MINUTES"));
  const [firstMs] = runs.flatMap(({ loading }) => loading[0]?.fromMs ?? []).sort((a, b) => a - b);
  if (firstMs !== undefined) {
    const granted = await grantedSince(sql, { customerId, hour: new Date(hourOf(firstMs)) });
    const grants = freeLoading({ runs, granted, allowanceMs: minutes * MS_PER_MINUTE });
    for (const { runId, fromMs, toMs } of grants) {
      const hour = new Date(hourOf(fromMs));
      const sentence = sentenceEvidence(loadingSentence({ hour, minutes }));
      const evidence = { ...sentence, payer: customerId, hour, minutes };
      const [from, to] = [new Date(fromMs), new Date(toMs)];
      await waiveLoading(sql, { runId, from, to, evidence, allowanceOf: customerId }, now);
    }
  }
  await settleLoading(
    sql,
    rows.filter(isKnownWhole).map(({ id }) => id),
  );
}

/** Rows of a host's journal come in their order: behind the moment at which it served, nothing of before is missing. */
function isKnownWhole({ closed_at: closedAt, served_at: servedAt, last_proven_at: provenTo }: LoadingRunRow) {
  return closedAt !== null || (servedAt !== null && provenTo !== null && provenTo >= servedAt);
}
