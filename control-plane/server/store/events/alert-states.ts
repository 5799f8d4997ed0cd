/**
 * Where customers stand with alerts: what each is warned of (their own wish, else the settings' default) and what was
 * told and is not over. One question for any number of customers, since every posting asks it.
 */
import { parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { AlertKind, OpenAlert } from "../../core/alerts/alerts.ts";
import { listedNumbers, settingInForce } from "../../core/settings.ts";
import type { Connection } from "../database/database.ts";

/** Points, hours and percent, all in 1/10,000. */
export interface AlertRules {
  readonly balances: readonly Points[];
  readonly hoursLeft: readonly bigint[];
  readonly budgetPercents: readonly bigint[];
  readonly monthlyLimit: Points | null;
}

export interface AlertState {
  readonly rules: AlertRules;
  readonly open: readonly OpenAlert[];
}

type ThresholdSetting = "ALERT_BALANCES" | "ALERT_HOURS_LEFT" | "ALERT_BUDGET_PERCENTS";

interface RankStateRow {
  customer_id: number;
  balances: string[] | null;
  hours_left: string[] | null;
  budget_percents: string[] | null;
  monthly_limit: string | null;
  defaults: Partial<Record<ThresholdSetting, string>> | null;
  open: { kind: AlertKind; threshold: string | null; month: string | null }[] | null;
}

export async function alertStates(
  sql: Connection,
  customerIds: readonly number[],
): Promise<Map<number, AlertState>> {
  const { rows } = await sql.query<RankStateRow>(
    `SELECT c.customer_id, r.balances::text[], r.hours_left::text[], r.budget_percents::text[], r.monthly_limit,
            (SELECT jsonb_object_agg(key, value) FROM settings WHERE key LIKE 'ALERT%') AS defaults,
            (SELECT jsonb_agg(jsonb_build_object('kind', a.kind, 'threshold', a.threshold::text,
                                                 'month', to_char(a.month, 'YYYY-MM')) ORDER BY a.id)
               FROM alerts a WHERE a.customer_id = c.customer_id AND a.recovered_at IS NULL) AS open
       FROM unnest($1::bigint[]) AS c (customer_id) LEFT JOIN alert_rules r USING (customer_id)`,
    [[...new Set(customerIds)]],
  );
  return new Map(rows.map((row) => [row.customer_id, stateOf(row)]));
}

function stateOf(row: RankStateRow): AlertState {
  const thresholds = (own: string[] | null, key: ThresholdSetting) =>
    (own ?? listedNumbers(settingInForce(key, row.defaults?.[key] ?? null))).map(parsePoints);
  return {
    rules: {
      balances: thresholds(row.balances, "ALERT_BALANCES"),
      hoursLeft: thresholds(row.hours_left, "ALERT_HOURS_LEFT"),
      budgetPercents: thresholds(row.budget_percents, "ALERT_BUDGET_PERCENTS"),
      monthlyLimit: row.monthly_limit === null ? null : parsePoints(row.monthly_limit),
    },
    open: (row.open ?? []).map((one) => ({
      ...one,
      threshold: one.threshold === null ? null : parsePoints(one.threshold),
    })),
  };
}
