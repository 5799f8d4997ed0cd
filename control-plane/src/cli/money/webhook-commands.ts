/** `remotegpu webhook …`: where warnings are sent, and what became of them. */
import type { Command } from "commander";
import { wholeNumber } from "../arguments.ts";
import { withContext } from "../context.ts";
import { printDone, printList, printOne, type Column } from "../output.ts";

const COLUMNS: Column[] = [
  "id",
  "url",
  ["kinds", (row) => (Array.isArray(row.kinds) ? row.kinds.join(", ") : "all")],
  ["active", (row) => (row.active === true ? "yes" : "no")],
  "created_at",
];

const DELIVERY_COLUMNS: Column[] = [
  "id",
  "created_at",
  "kind",
  "state",
  "tries",
  ["status", (row) => row.last_status],
  ["why not", (row) => row.last_error],
  ["next try", (row) => row.next_try_at],
];

export function addWebhookCommands(program: Command): void {
  const webhook = program.command("webhook").description("addresses to which warnings are sent");

  webhook
    .command("add <url>")
    .description("send warnings there; prints the secret that signs them, once")
    .option("--kinds <list>", "only these: low-balance,hours-left,budget,overdue,suspended,data-at-risk")
    .action(
      withContext(async ({ api, output }, url: string, options: { kinds?: string }) => {
        const kinds = options.kinds?.split(",").map((kind) => kind.trim());
        printOne(output, await api.post("/webhooks", { url, ...(kinds !== undefined && { kinds }) }));
      }),
    );

  webhook
    .command("list")
    .description("your webhooks")
    .action(
      withContext(async ({ api, output }) =>
        printList(
          output,
          await api.list("/webhooks"),
          COLUMNS,
          "No webhooks. Add one: remotegpu webhook add URL",
        ),
      ),
    );

  for (const [verb, active, description] of [
    ["pause", false, "send nothing more there; what waits is given up"],
    ["resume", true, "send there again"],
  ] as const)
    webhook
      .command(`${verb} <id>`)
      .description(description)
      .action(
        withContext(async ({ api, output }, id: string) => {
          const row = await api.patch(pathOf(id), { active });
          printDone(output, `Webhook ${id} is ${active ? "active" : "paused"}.`, row);
        }),
      );

  webhook
    .command("new-secret <id>")
    .description("another secret from now on, printed once; the old one signs nothing more")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printOne(output, await api.post(`${pathOf(id)}/secret`)),
      ),
    );

  webhook
    .command("remove <id>")
    .description("remove a webhook and what became of its messages")
    .action(
      withContext(async ({ api, output }, id: string) => {
        await api.delete(pathOf(id));
        printDone(output, `Webhook ${id} is removed.`, { id });
      }),
    );

  webhook
    .command("test <id>")
    .description("send a message to try it with")
    .action(
      withContext(async ({ api, output }, id: string) => {
        const row = await api.post(`${pathOf(id)}/test`);
        const sentence = `Message ${String(row.id)} is on its way. What came of it: remotegpu webhook deliveries ${id}`;
        printDone(output, sentence, row);
      }),
    );

  webhook
    .command("deliveries <id>")
    .description("messages of the last 30 days, newest first")
    .option("--limit <count>", "how many", wholeNumber, 50)
    .action(
      withContext(async ({ api, output }, id: string, options: { limit: number }) =>
        printList(output, await api.list(`${pathOf(id)}/deliveries`, {}, options.limit), DELIVERY_COLUMNS),
      ),
    );
}

function pathOf(id: string): string {
  return `/webhooks/${encodeURIComponent(id)}`;
}
