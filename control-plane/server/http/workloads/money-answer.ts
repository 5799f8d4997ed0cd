/** What a workload costs, in its answer; amounts are null for keys that do not open money. */
import { z } from "@hono/zod-openapi";
import { NO_MONEY_YET, type WorkloadMoney } from "../../store/overview/workload-money.ts";
import type { ApiContext } from "../deps.ts";
import { showsMoney } from "../request/authentication.ts";
import { Money } from "../request/route.ts";

const Waiver = z
  .object({
    rule: z.string().openapi({
      description:
        "The rule's name: `loading`, `gpu-lost`, `host-died`, `never-ready`, `gang-broken`, `stop-by-person`, `stop-by-rule`, `suspension` or `host-stop`; `before-rules` of a stop from before they had names",
      example: "loading",
    }),
    runs: z.int().openapi({
      description: "Of how many of its runs time is not charged by it, over or not",
      example: 1,
    }),
    runs_now: z.int().openapi({ description: "How many are free by it at this moment", example: 1 }),
    rate_now: Money.openapi({
      description:
        "What an hour of those would be charged without it. Of `loading` that is part of rate_per_hour, since only minutes of each hour are free; of other rules it is none of it",
    }),
  })
  .openapi("WorkloadWaiver");

export const moneyFields = {
  rate_per_hour: Money.nullable().openapi({
    description:
      "What an hour of what runs of it would be charged, each line rounded; null without the scope money",
  }),
  cost_so_far: Money.nullable().openapi({
    description:
      "Charged for its runs, less what was given back, with what is proven and not charged yet; null without the scope money",
  }),
  waivers: z.array(Waiver).nullable().openapi({
    description:
      "By which rules time of it is not charged, and is none of cost_so_far; null without the scope money",
  }),
};

/** @param money null where nothing of it ever ran, or nobody asked */
export function moneyAnswer(
  c: ApiContext,
  money: WorkloadMoney | null,
): { [Field in keyof WorkloadMoney]: WorkloadMoney[Field] | null } {
  return showsMoney(c) ? (money ?? NO_MONEY_YET) : { rate_per_hour: null, cost_so_far: null, waivers: null };
}
