/** What the fleet's owner does: the commands for customers, hosts and settings, and what there is to look at. */
import type { Command } from "commander";
import { wholeNumber } from "./arguments.ts";
import { withContext } from "./context.ts";
import { printDone, printList, printOne, type Column } from "./output.ts";
import { addCustomerCommands, addQuotaCommands } from "./customer-commands.ts";
import { addHostCommands } from "./host-commands.ts";
import { addSettingsCommands } from "./settings-commands.ts";

interface AuditOptions {
  actor?: string;
  target?: string;
  action?: string;
  outcome?: string;
  since?: string;
  until?: string;
  limit: number;
}

const AUDIT_COLUMNS: Column[] = [
  "at",
  "actor_customer_id",
  "action",
  "target_kind",
  "target_id",
  "outcome",
  "problem",
  "attempts",
];

export function addAdminCommands(program: Command): void {
  addCustomerCommands(program);
  addQuotaCommands(program);
  addHostCommands(program);
  addSettingsCommands(program);

  program
    .command("fleet")
    .description("totals, free, queued and pending usage")
    .action(withContext(async ({ api, output }) => printOne(output, await api.get("/fleet"))));
  for (const [name, description, columns] of [
    [
      "quarantine",
      "usage that a host claimed and that was refused, newest first; it is not billed",
      ["id", "at", "host_id", "run_id", "reason", "excess_ms"],
    ],
    [
      "alarms",
      "what an operator should look at, newest first; one without cleared_at is open (alarm clear)",
      ["id", "raised_at", "kind", "subject", "detail", "cleared_at"],
    ],
  ] satisfies [string, string, Column[]][]) {
    program
      .command(name)
      .description(description)
      .option("--limit <count>", "how many", wholeNumber, 50)
      .action(
        withContext(async ({ api, output }, options: { limit: number }) =>
          printList(output, await api.list(`/${name}`, {}, options.limit), columns),
        ),
      );
  }

  program
    .command("audit-log")
    .description("who asked for which change and what came of it, newest first (--json has before and after)")
    .option("--actor <customer>", "of this customer or administrator")
    .option("--target <kind[/id]>", "done to this: environment/env-…, customer/12, or to any host")
    .option("--action <action>", "such as environment.stop, api-key.create, money.top-up")
    .option("--outcome <outcome>", "done, repeated, refused or failed")
    .option("--since <time>", "from this moment on, RFC 3339")
    .option("--until <time>", "before this moment")
    .option("--limit <count>", "how many", wholeNumber, 50)
    .action(
      withContext(async ({ api, output }, { limit, actor, target, ...filters }: AuditOptions) => {
        const [kind, ...id] = target?.split("/") ?? [];
        const query = {
          ...filters,
          actor_customer_id: actor,
          target_kind: kind,
          target_id: id.length === 0 ? undefined : id.join("/"),
        };
        printList(output, await api.list("/audit-log", query, limit), AUDIT_COLUMNS);
      }),
    );

  program
    .command("alarm")
    .description("one of the alarms")
    .command("clear <id>")
    .description("somebody has looked at it; what still is so, or is so again, raises a new one")
    .action(
      withContext(async ({ api, output }, id: string) => {
        const row = await api.post(`/alarms/${encodeURIComponent(id)}/clear`);
        printDone(output, `Alarm ${id} (${String(row.kind)}) is cleared.`, row);
      }),
    );
}
