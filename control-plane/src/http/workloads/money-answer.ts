/** What a workload costs, in its answer; amounts are null for keys that do not open money. */
import { NO_MONEY_YET, type WorkloadMoney } from "../../store/overview/workload-money.ts";
import type { ApiContext } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { Money } from "../request/route.ts";

export const moneyFields = {
  rate_per_hour: Money.nullable().openapi({
    description:
      "What an hour of what runs of it would be charged, each line rounded; null without the scope money",
  }),
  cost_so_far: Money.nullable().openapi({
    description:
      "Charged for its runs, less what was given back, with what is proven and not charged yet; null without the scope money",
  }),
};

/** @param money null where nothing of it ever ran, or nobody asked */
export function moneyAnswer(
  c: ApiContext,
  money: WorkloadMoney | null,
): Record<keyof WorkloadMoney, string | null> {
  return showsMoney(c) ? (money ?? NO_MONEY_YET) : { rate_per_hour: null, cost_so_far: null };
}
