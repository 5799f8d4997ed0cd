/** What a customer asks to be warned of: written here, read with what was told in alert-states.ts. */
import { formatPoints, type Points } from "@remotegpu/shared/values/money";
import type { Connection } from "../database/database.ts";

/** Null: the default of the settings holds. */
export interface RequestedThreshold {
  readonly balances?: readonly Points[] | null;
  readonly hoursLeft?: readonly bigint[] | null;
  readonly budgetPercents?: readonly bigint[] | null;
}

/** What is left out stays as it is. */
export async function setThresholds(
  sql: Connection,
  { customerId, request }: { customerId: number; request: RequestedThreshold },
): Promise<void> {
  const [balances, hoursLeft, budgetPercents] = [
    request.balances,
    request.hoursLeft,
    request.budgetPercents,
  ].map((list) => ({ isSet: list !== undefined, list: list?.map(formatPoints) ?? null }));
  await sql.change(
    `INSERT INTO alert_rules AS r (customer_id, balances, hours_left, budget_percents)
     VALUES ($1, $3::numeric[], $5::numeric[], $7::numeric[])
     ON CONFLICT (customer_id) DO UPDATE
        SET balances = CASE WHEN $2 THEN EXCLUDED.balances ELSE r.balances END,
            hours_left = CASE WHEN $4 THEN EXCLUDED.hours_left ELSE r.hours_left END,
            budget_percents = CASE WHEN $6 THEN EXCLUDED.budget_percents ELSE r.budget_percents END`,
    [
      customerId,
      balances?.isSet,
      balances?.list,
      hoursLeft?.isSet,
      hoursLeft?.list,
      budgetPercents?.isSet,
      budgetPercents?.list,
    ],
  );
}

/** Null takes the budget away. */
export async function setMonthlyLimit(
  sql: Connection,
  { customerId, limit }: { customerId: number; limit: Points | null },
): Promise<void> {
  await sql.change(
    `INSERT INTO alert_rules (customer_id, monthly_limit) VALUES ($1, $2)
     ON CONFLICT (customer_id) DO UPDATE SET monthly_limit = EXCLUDED.monthly_limit`,
    [customerId, limit === null ? null : formatPoints(limit)],
  );
}
