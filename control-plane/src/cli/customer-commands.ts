/** What the fleet's owner does with customers: accounts, their money and keys, and what each may hold at once. */
import type { Command } from "commander";
import { amount, bytes, wholeNumber } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { body, withContext } from "./context.ts";
import { KEY_COLUMNS, type KeyOptions, keyWish, withKeyOptions } from "./key-commands.ts";
import { printDone, printList, printOne } from "./output.ts";

export function addCustomerCommands(program: Command): void {
  const customer = program.command("customer").description("customers, their money and keys");
  customer
    .command("create <username>")
    .description("a customer, with a workspace of its own")
    .requiredOption("--email <address>")
    .option("--display-name <name>")
    .option("--user-type <type>", "external, internal or admin")
    .action(
      withContext(async ({ api, output }, username: string, options: object) => {
        const row = await api.post("/customers", { username, ...body(options) });
        printDone(output, `Customer ${String(row.id)} (${username}) is made.`, row);
      }),
    );
  customer
    .command("list")
    .description("every customer")
    .action(
      withContext(async ({ api, output }) =>
        printList(output, await api.list("/customers"), [
          "id",
          "username",
          "email",
          "status",
          "balance",
          "overdue_status",
        ]),
      ),
    );
  customer
    .command("at-risk")
    .description("customers who have been overdue for 60 days, whose data may be deleted")
    .action(
      withContext(async ({ api, output }) =>
        printList(output, await api.list("/customers", { data_at_risk: "true" }), [
          "id",
          "username",
          "email",
          "balance",
          "overdue_status",
          "overdue_since",
        ]),
      ),
    );
  customer
    .command("delete-data <id>")
    .description("delete the environments, datasets and models of a customer whose data is at risk")
    .requiredOption("--confirm <username>", "the customer's username, once more")
    .action(
      withContext(async ({ api, output }, id: string, options: { confirm: string }) => {
        const row = await api.post(`/customers/${id}/delete-data`, { confirm_username: options.confirm });
        printDone(
          output,
          `Deleted. Their folders stay on hosts until you remove them: remotegpu customer data-removals ${id}`,
          row,
        );
      }),
    );
  customer
    .command("data-removals <id>")
    .description("folders of deleted data, to be removed from their storage pools by hand")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(output, await api.list(`/customers/${id}/data-removals`), [
          "ordered_at",
          "ordered_by",
          "resource_type",
          "resource_id",
          ["pool", (row) => row.storage_pool ?? "wherever it is"],
          "folder",
        ]),
      ),
    );
  customer
    .command("show <id>")
    .description("one customer")
    .action(
      withContext(async ({ api, output }, id: string) => printOne(output, await api.get(`/customers/${id}`))),
    );
  customer
    .command("update <id>")
    .description("change a customer")
    .option("--display-name <name>")
    .option("--email <address>")
    .option("--status <status>", "active or suspended")
    .option("--credit-limit <amount>", "how far below zero the balance may go", amount)
    .action(
      withContext(async ({ api, output }, id: string, options: object) =>
        printOne(output, await api.patch(`/customers/${id}`, body(options))),
      ),
    );
  customer
    .command("top-up <id> <amount>")
    .description("add to the prepaid balance")
    .action(
      withContext(async ({ api, output }, id: string, sum: string) => {
        const row = await api.post(`/customers/${id}/top-ups`, { amount: amount(sum) });
        printDone(output, `Customer ${id} has a balance of ${String(row.balance)}.`, row);
      }),
    );
  customer
    .command("adjust <id> <amount>")
    .description("a signed correction with its reason")
    .requiredOption("--reason <text>")
    .action(
      withContext(async ({ api, output }, id: string, sum: string, options: { reason: string }) => {
        const row = await api.post(`/customers/${id}/adjustments`, {
          amount: amount(sum),
          reason: options.reason,
        });
        printDone(output, `Customer ${id} has a balance of ${String(row.balance)}.`, row);
      }),
    );
  customer
    .command("write-off <id> <amount>")
    .description("forgive debt, at most what the balance is below zero")
    .requiredOption("--reason <text>")
    .action(
      withContext(async ({ api, output }, id: string, sum: string, options: { reason: string }) => {
        const row = await api.post(`/customers/${id}/write-offs`, {
          amount: amount(sum),
          reason: options.reason,
        });
        printDone(output, `Customer ${id} has a balance of ${String(row.balance)}.`, row);
      }),
    );
  customer
    .command("refund <id> <run> <amount>")
    .description("give back a part of what a run was charged")
    .option("--reason <text>")
    .action(
      withContext(
        async ({ api, output }, id: string, run: string, sum: string, options: { reason?: string }) => {
          const row = await api.post(`/customers/${id}/refunds`, {
            run_id: run,
            amount: amount(sum),
            ...body(options),
          });
          printDone(output, `Customer ${id} has a balance of ${String(row.balance)}.`, row);
        },
      ),
    );
  withKeyOptions(customer.command("key-create <id>"))
    .description("an API key; it is shown once")
    .option("--metrics", "one that reads /metrics and nothing else")
    .action(
      withContext(async ({ api, output }, id: string, options: KeyOptions & { metrics?: boolean }) => {
        const row = await api.post(`/customers/${id}/api-keys`, {
          ...keyWish(options),
          ...(options.metrics === true && { role: "metrics" }),
        });
        printDone(output, String(row.key), row);
      }),
    );
  customer
    .command("key-list <id>")
    .description("its API keys, by their first characters")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(output, await api.list(`/customers/${id}/api-keys`), KEY_COLUMNS),
      ),
    );
  customer
    .command("key-delete <id> <key-id>")
    .description("revoke an API key")
    .action(
      withContext(async ({ api, output }, id: string, keyId: string) => {
        await api.delete(`/customers/${id}/api-keys/${keyId}`);
        printDone(output, `Key ${keyId} no longer opens anything.`);
      }),
    );
}

export function addQuotaCommands(program: Command): void {
  const quota = program.command("quota").description("what a customer or workspace may hold at once");
  type Owner = { customer?: string; workspace?: string };
  const route = ({ customer, workspace }: Owner) => {
    if ((customer === undefined) === (workspace === undefined))
      throw new CliError("usage", "Name one of --customer and --workspace.");
    return customer === undefined ? `/workspaces/${workspace}/quota` : `/customers/${customer}/quota`;
  };

  quota
    .command("show")
    .description("the quota that holds; your own, unless another is named")
    .option("--customer <id>", "a customer's (admins)")
    .option("--workspace <id>", "a workspace's (admins)")
    .action(
      withContext(async ({ api, output }, owner: Owner) => {
        const isOwn = owner.customer === undefined && owner.workspace === undefined;
        printOne(output, await api.get(isOwn ? "/me/quota" : route(owner)));
      }),
    );
  quota
    .command("set")
    .description("set a quota; 0 allows nothing")
    .option("--customer <id>")
    .option("--workspace <id>")
    .requiredOption("--cpu <cores>", "CPU cores", wholeNumber)
    .requiredOption("--memory <size>", "memory", bytes)
    .requiredOption("--gpu <count>", "GPUs", wholeNumber)
    .requiredOption("--storage <size>", "storage", bytes)
    .requiredOption("--environments <count>", "environments", wholeNumber)
    .action(
      withContext(
        async (
          { api, output },
          options: Owner & {
            cpu: number;
            memory: number;
            gpu: number;
            storage: number;
            environments: number;
          },
        ) => {
          const row = await api.put(route(options), {
            cpu_quota: options.cpu,
            memory_quota: Math.floor(options.memory / 2 ** 20),
            gpu_quota: options.gpu,
            storage_quota: options.storage,
            environment_quota: options.environments,
          });
          printOne(output, row);
        },
      ),
    );
}
