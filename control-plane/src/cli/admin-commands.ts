/** What the fleet's owner does: customers and their money, hosts and GPUs, quotas, the books. */
import type { Command } from "commander";
import { amount, bytes, jsonObject, wholeNumber } from "./arguments.ts";
import { CliError } from "./cli-error.ts";
import { body, withContext } from "./context.ts";
import type { Row } from "./api-client.ts";
import { sizeText, printDone, printList, printOne, type Column } from "./output.ts";
import { addSettingsCommands } from "./settings-commands.ts";
import { EVENT_COLUMNS } from "./story-commands.ts";

const HOST_COLUMNS: Column[] = [
  "id",
  "name",
  "status",
  "connection",
  ["health", (row) => row.health_status],
  ["cordoned", (row) => (row.cordoned === true ? "yes" : "no")],
  ["cpu", (row) => `${String(row.used_cpu)}/${String(row.total_cpu)}`],
  ["memory", (row) => sizeText(row.total_memory)],
  [
    "gpu",
    (row) =>
      `${String(row.used_gpu)}/${String(row.total_gpu)}${row.simulated === true ? " (simulated)" : ""}`,
  ],
  "agent_version",
  ["says", (row) => row.status_reason],
];
const GPU_COLUMNS: Column[] = [
  ["index", (row) => row.gpu_index],
  "uuid",
  "name",
  "status",
  ["health", (row) => row.health_status],
  ["simulated", (row) => (row.simulated === true ? "yes" : "no")],
  ["use", (row) => (row.utilization_percent === null ? null : `${Number(row.utilization_percent)} %`)],
  ["island", (row) => row.nvlink_island],
  ["allocated to", (row) => row.allocated_to],
  ["strangers", (row) => strangersText(row.strangers)],
  ["why", (row) => reasonsText(row)],
];

/** `Xorg (812)`; a process that has no name is its number. */
function strangersText(strangers: unknown): string | null {
  const texts = (Array.isArray(strangers) ? strangers : []).map(
    (stranger: { pid: number; name: string | null }) =>
      stranger.name === null ? String(stranger.pid) : `${stranger.name} (${stranger.pid})`,
  );
  return texts.length === 0 ? null : texts.join(", ");
}

/** An administrator's own word first, then what the host says. */
function reasonsText(row: Row): string | null {
  const word = typeof row.cordon_reason === "string" ? `Cordoned: ${row.cordon_reason}` : "Cordoned.";
  const own = row.cordoned_by === "admin" ? [word] : [];
  const hosts = Array.isArray(row.health_reasons) ? row.health_reasons.map(String) : [];
  return [...own, ...hosts].join(" ") || null;
}

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
      "audit-log",
      "what administrators did to what belongs to others, newest first",
      ["at", "actor_customer_id", "method", "route", "subject", "status"],
    ],
    [
      "quarantine",
      "usage that a host claimed and that was refused, newest first; it is not billed",
      ["id", "at", "host_id", "run_id", "reason", "excess_ms"],
    ],
    [
      "alarms",
      "what an operator should look at, newest first; one without cleared_at is open",
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
}

function addCustomerCommands(program: Command): void {
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
  customer
    .command("key-create <id>")
    .description("an API key; it is shown once")
    .option("--name <name>", "what it is for", "cli")
    .action(
      withContext(async ({ api, output }, id: string, options: { name: string }) => {
        const row = await api.post(`/customers/${id}/api-keys`, { name: options.name });
        printDone(output, String(row.key), row);
      }),
    );
  customer
    .command("key-list <id>")
    .description("its API keys, by their first characters")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(output, await api.list(`/customers/${id}/api-keys`), [
          "id",
          "name",
          "prefix",
          "created_at",
          "last_used_at",
          "revoked_at",
        ]),
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

function addQuotaCommands(program: Command): void {
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

function addHostCommands(program: Command): void {
  program
    .command("join-token")
    .description("a one-use token with which a host joins within 15 minutes")
    .option("--host-name <name>")
    .action(
      withContext(async ({ api, output }, options: object) => {
        const row = await api.post("/join-tokens", body(options));
        const command =
          typeof row.command === "string"
            ? row.command
            : "(This server hands out no agent to install; one begun with `remotegpu-control-plane run` does.)";
        printDone(output, `${String(row.token)}\n\n${command}`, row);
      }),
    );

  const host = program.command("host").description("the fleet's hosts");
  host
    .command("list")
    .description("every host")
    .action(
      withContext(async ({ api, output }) =>
        printList(
          output,
          await api.list("/hosts"),
          HOST_COLUMNS,
          "No host yet. Make a token: remotegpu join-token",
        ),
      ),
    );
  host
    .command("show <id>")
    .description("one host, whole")
    .action(
      withContext(async ({ api, output }, id: string) => printOne(output, await api.get(`/hosts/${id}`))),
    );
  host
    .command("gpus <id>")
    .description("its GPUs, and who has them")
    .action(
      withContext(async ({ api, output }, id: string) =>
        printList(output, await api.list(`/hosts/${id}/gpus`), GPU_COLUMNS),
      ),
    );
  host
    .command("events <id>")
    .description("what happened on it, newest first")
    .option("--limit <count>", "at most so many", wholeNumber, 50)
    .action(
      withContext(async ({ api, output }, id: string, { limit }: { limit: number }) =>
        printList(output, await api.list(`/hosts/${encodeURIComponent(id)}/events`, {}, limit), [
          ...EVENT_COLUMNS,
          ["gpu", (row) => row.gpu_uuid],
        ]),
      ),
    );
  host
    .command("update <id>")
    .description("change its name, address or labels")
    .option("--name <name>")
    .option("--public-ip <address>")
    .option("--labels <json>", "a JSON object", jsonObject)
    .action(
      withContext(async ({ api, output }, id: string, options: object) =>
        printOne(output, await api.patch(`/hosts/${id}`, body(options))),
      ),
    );
  for (const [verb, description] of [
    ["cordon", "place nothing new on it"],
    ["uncordon", "place on it again"],
    ["drain", "cordon it and stop what runs there"],
    ["revoke", "close its connection and refuse it from now on"],
  ] as const)
    host
      .command(`${verb} <id>`)
      .description(description)
      .action(
        withContext(async ({ api, output }, id: string) =>
          printDone(output, `Host ${id}: ${verb} done.`, await api.post(`/hosts/${id}/${verb}`)),
        ),
      );
  host
    .command("confirm-stops <id> <generation>")
    .description("yes, these many stops are meant")
    .action(
      withContext(async ({ api, output }, id: string, generation: string) => {
        const row = await api.post(`/hosts/${id}/confirm-stops`, { generation: wholeNumber(generation) });
        printDone(output, `Stops of generation ${generation} on host ${id} are confirmed.`, row);
      }),
    );
  host
    .command("delete <id>")
    .description("take a host out of the fleet")
    .option("--lost", "the machine is gone: its runs end at their last proven moment")
    .action(
      withContext(async ({ api, output }, id: string, options: { lost?: boolean }) => {
        await api.delete(`/hosts/${id}`, { lost: options.lost ? "true" : undefined });
        printDone(output, `Host ${id} is gone.`);
      }),
    );

  const gpu = program.command("gpu").description("one GPU");
  for (const [verb, description] of [
    ["cordon", "place nothing new on it"],
    ["uncordon", "place on it again"],
  ] as const)
    gpu
      .command(`${verb} <uuid>`)
      .description(description)
      .action(
        withContext(async ({ api, output }, uuid: string) =>
          printDone(output, `GPU ${uuid}: ${verb} done.`, await api.post(`/gpus/${uuid}/${verb}`)),
        ),
      );
}
