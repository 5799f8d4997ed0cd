/** `remotegpu budget`, `alerts` and `alert-thresholds`: what to be warned of, and what was warned of. */
import { given } from "../../client/api-request.ts";
import {
  getBillingAlertThresholds,
  getBillingBudget,
  listBillingAlerts,
  setBillingAlertThresholds,
  setBillingBudget,
} from "../../client/generated/api.ts";
import type { Alert, ListBillingAlertsKind } from "../../client/generated/api.schemas.ts";
import { z } from "zod";
import { amount, amounts, apiWord } from "../framework/arguments.ts";
import { argument, command, flag, option, type Command, type Group } from "../framework/command.ts";
import { limit, listCommand, showCommand } from "../framework/list-command.ts";
import { printDone, printOne, type Column } from "../framework/output.ts";

const ALERT_COLUMNS: Column<Alert>[] = [
  "id",
  "fired_at",
  "kind",
  "sentence",
  ["over since", (row) => row.recovered_at],
];

const BUDGET_OF_MONTH: Group = {
  name: "budget",
  summary: "the month's budget; it warns and stops nothing",
  members: [
    showCommand({
      summary: "the limit, and what of it is spent this month",
      request: () => getBillingBudget(),
    }),
    command({
      name: "set",
      summary: "the limit of each month, or none",
      takes: {
        limit: argument("limit", z.union([z.literal("none"), amount()])),
        percents: option(
          "--percents <list>",
          "percent of it at which to warn: 50,80,100, or none, or default",
          amounts(),
        ),
      },
      run: async ({ api, output }, { limit: request, percents }) => {
        const budget = {
          monthly_limit: request === "none" ? null : request,
          ...(percents !== undefined && { percents: percents.list }),
        };
        const row = await api.send(setBillingBudget(budget));
        printDone(
          output,
          request === "none" ? "There is no budget any more." : `The budget is ${request} a month.`,
          row,
        );
      },
    }),
  ],
};

const ALERT: Group = {
  name: "alert",
  aliases: ["alerts"],
  summary: "warnings about the money",
  standard: "list",
  members: [
    listCommand({
      summary: "warnings about the money, newest first",
      takes: {
        open: flag("--open", "only those that hold now"),
        kind: option(
          "--kind <kind>",
          "low-balance, hours-left, budget, overdue or suspended",
          apiWord<ListBillingAlertsKind>(),
        ),
        ...limit(50),
      },
      request: ({ open, kind }) => listBillingAlerts(given({ open: open ? "true" : undefined, kind })),
      columns: ALERT_COLUMNS,
      empty: "Nothing to warn of.",
      limit: 50,
    }),
  ],
};

const ALERT_THRESHOLDS = command({
  name: "alert-threshold",
  aliases: ["alert-thresholds"],
  summary: "when you are warned; changes what is given",
  takes: {
    balances: option("--balances <list>", "balances: 50,10, or none, or default", amounts()),
    hours_left: option(
      "--hours-left <list>",
      "hours that the money lasts: 24,4, or none, or default",
      amounts(),
    ),
  },
  run: async ({ api, output }, { balances, hours_left: hoursLeft }) => {
    const request = {
      ...(balances !== undefined && { balances: balances.list }),
      ...(hoursLeft !== undefined && { hours_left: hoursLeft.list }),
    };
    const isChange = Object.keys(request).length > 0;
    const thresholds = isChange ? setBillingAlertThresholds(request) : getBillingAlertThresholds();
    printOne(output, await api.send(thresholds));
  },
});

export const BUDGET: readonly (Command | Group)[] = [BUDGET_OF_MONTH, ALERT, ALERT_THRESHOLDS];
