/** `remotegpu budget`, `alerts` and `alert-thresholds`: what to be warned of, and what was warned of. */
import type { Command } from "commander";
import { amount, wholeNumber } from "../arguments.ts";
import type { Row } from "../api-client.ts";
import { withContext } from "../context.ts";
import { printDone, printList, printOne, type Column } from "../output.ts";

const ALERT_COLUMNS: Column[] = [
  "id",
  "fired_at",
  "kind",
  "sentence",
  ["over since", (row) => row.recovered_at],
];

export function addBudgetCommands(program: Command): void {
  const budget = program.command("budget").description("the month's budget; it warns and stops nothing");
  budget
    .command("show")
    .description("the limit, and what of it is spent this month")
    .action(withContext(async ({ api, output }) => printOne(output, await api.get("/billing/budget"))));
  budget
    .command("set <limit>")
    .description("the limit of each month, or none")
    .option("--percents <list>", "percent of it at which to warn: 50,80,100, or none, or default", numbers)
    .action(
      withContext(async ({ api, output }, limit: string, options: { percents?: Numbers }) => {
        const row = await api.put("/billing/budget", {
          monthly_limit: limit === "none" ? null : amount(limit),
          ...(options.percents !== undefined && { percents: wishOf(options.percents) }),
        });
        const sentence =
          limit === "none" ? "There is no budget any more." : `The budget is ${limit} a month.`;
        printDone(output, sentence, row);
      }),
    );

  program
    .command("alerts")
    .description("warnings about the money, newest first")
    .option("--open", "only those that hold now")
    .option("--kind <kind>", "low-balance, hours-left, budget, overdue or suspended")
    .option("--limit <count>", "how many", wholeNumber, 50)
    .action(
      withContext(async ({ api, output }, options: { open?: boolean; kind?: string; limit: number }) => {
        const query = { open: options.open ? "true" : undefined, kind: options.kind };
        const rows = await api.list("/billing/alerts", query, options.limit);
        printList(output, rows, ALERT_COLUMNS, "Nothing to warn of.");
      }),
    );

  program
    .command("alert-thresholds")
    .description("when you are warned; changes what is given")
    .option("--balances <list>", "balances: 50,10, or none, or default", numbers)
    .option("--hours-left <list>", "hours that the money lasts: 24,4, or none, or default", numbers)
    .action(
      withContext(async ({ api, output }, options: { balances?: Numbers; hoursLeft?: Numbers }) => {
        const wish: Row = {
          ...(options.balances !== undefined && { balances: wishOf(options.balances) }),
          ...(options.hoursLeft !== undefined && { hours_left: wishOf(options.hoursLeft) }),
        };
        const path = "/billing/alert-thresholds";
        printOne(output, Object.keys(wish).length === 0 ? await api.get(path) : await api.put(path, wish));
      }),
    );
}

/** As typed: Commander takes null for "not given". */
type Numbers = string[] | "default";

function numbers(text: string): Numbers {
  if (text === "default") return text;
  return text === "none" ? [] : text.split(",").map((one) => amount(one.trim()));
}

/** As sent. */
function wishOf(given: Numbers): string[] | null {
  return given === "default" ? null : given;
}
