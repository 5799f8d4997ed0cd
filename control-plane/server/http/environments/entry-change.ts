/** Changes of who may enter environments, as routes make them: with the hosts told in the same transaction, and nudged. */
import type { HostId } from "@remotegpu/shared/values/ids";
import { transaction } from "../../store/database/transaction.ts";
import type { Transaction } from "../../store/database/database.ts";
import { type EntryConcern, holdEntered, notifyEntered } from "../../store/environments/entry-changes.ts";
import type { ApiContext } from "../deps.ts";
import { once } from "../request/idempotency.ts";
import { orderContextOf } from "../workloads/orders.ts";

export async function changeEntry<T>(
  c: ApiContext,
  concern: EntryConcern,
  change: (sql: Transaction) => Promise<T>,
): Promise<T> {
  const { db, link } = c.var.deps;
  const { result, hostIds } = await transaction(db, async (sql) => {
    const entered = await holdEntered(sql, concern);
    const done = await change(sql);
    return { result: done, hostIds: await notifyEntered(sql, entered, orderContextOf(c)) };
  });
  for (const hostId of hostIds) link.nudge(hostId as HostId);
  return result;
}

/** The same for a POST, whose answer is kept under its Idempotency-Key. */
export async function changeEntryOnce<Answer extends Response>(
  c: ApiContext,
  concern: EntryConcern,
  change: (sql: Transaction) => Promise<Answer>,
): Promise<Answer> {
  return await once(c, async (sql, afterwards) => {
    const entered = await holdEntered(sql, concern);
    const answer = await change(sql);
    const hostIds = await notifyEntered(sql, entered, orderContextOf(c));
    afterwards(() => {
      for (const hostId of hostIds) c.var.deps.link.nudge(hostId as HostId);
    });
    return answer;
  });
}
