/** What the fleet's owner does with customers: accounts, their money, keys and data. */
import { amount, wholeNumber, words } from "../framework/arguments.ts";
import {
  argument,
  command,
  flag,
  needed,
  option,
  resourceField,
  type Command,
  type Group,
} from "../framework/command.ts";
import { body } from "../framework/context.ts";
import { KEY_COLUMNS, keyOptions } from "./key-commands.ts";
import { listCommand, segment, showCommand } from "../framework/list-command.ts";
import { printDone, printOne } from "../framework/output.ts";
import type { Row } from "../framework/api-client.ts";

const aCustomer = () => ({ customer: resourceField("customer", "customer") });
const path = (customer: string, what?: string) =>
  `/customers/${segment(customer)}${what === undefined ? "" : `/${what}`}`;
const balanceSentence = (customer: string, row: Row) =>
  `Customer ${customer} has a balance of ${String(row.balance)}.`;

/** Corrections of a balance, each with its reason. */
const WITH_REASON = [
  ["adjust", "adjustments", "a signed correction with its reason"],
  ["write-off", "write-offs", "forgive debt, at most what the balance is below zero"],
].map(([name = "", route = "", summary = ""]) =>
  command({
    name,
    summary,
    takes: {
      ...aCustomer(),
      amount: argument("amount", amount()),
      reason: needed("--reason <text>", "why, for the books", words()),
    },
    run: async ({ api, output }, { customer, ...members }) => {
      const row = await api.post(path(customer, route), members);
      printDone(output, balanceSentence(customer, row), row);
    },
  }),
);

const MONEY: Command[] = [
  command({
    name: "top-up",
    summary: "add to the prepaid balance",
    takes: { ...aCustomer(), amount: argument("amount", amount()) },
    run: async ({ api, output }, { customer, ...members }) => {
      const row = await api.post(path(customer, "top-ups"), members);
      printDone(output, balanceSentence(customer, row), row);
    },
  }),
  ...WITH_REASON,
  command({
    name: "refund",
    summary: "give back a part of what a run was charged",
    takes: {
      ...aCustomer(),
      run_id: argument("run", words()),
      amount: argument("amount", amount()),
      reason: option("--reason <text>", "why, for the books", words()),
    },
    run: async ({ api, output }, { customer, ...members }) => {
      const row = await api.post(path(customer, "refunds"), body(members));
      printDone(output, balanceSentence(customer, row), row);
    },
  }),
];

const SHARE: Command[] = [
  command({
    name: "share-weight",
    summary: "its share of the fleet beside other payers that wait, 1 to 1000",
    takes: { ...aCustomer(), weight: argument("weight", wholeNumber()) },
    run: async ({ api, output }, { customer, weight }) => {
      const row = await api.put(path(customer, "share-weight"), { share_weight: weight });
      printDone(output, `Customer ${customer} has the share weight ${String(row.share_weight)}.`, row);
    },
  }),
];

const KEYS: Command[] = [
  command({
    name: "key-create",
    summary: "an API key; it is displayed once",
    takes: {
      ...aCustomer(),
      ...keyOptions(),
      metrics: flag("--metrics", "one that reads /metrics and nothing else"),
    },
    run: async ({ api, output }, { customer, metrics, ...request }) => {
      const row = await api.post(path(customer, "api-keys"), {
        ...body(request),
        ...(metrics && { role: "metrics" }),
      });
      printDone(output, String(row.key), row);
    },
  }),
  listCommand({
    name: "key-list",
    summary: "its API keys, by their first characters",
    takes: aCustomer(),
    route: ({ customer }) => path(customer, "api-keys"),
    columns: KEY_COLUMNS,
  }),
  command({
    name: "key-delete",
    summary: "revoke an API key",
    takes: { ...aCustomer(), key: argument("key-id", words()) },
    run: async ({ api, output }, { customer, key }) => {
      await api.delete(path(customer, `api-keys/${segment(key)}`));
      printDone(output, `Key ${key} no longer opens anything.`);
    },
  }),
];

const DATA: Command[] = [
  listCommand({
    name: "at-risk",
    summary: "customers who have been overdue for 60 days, whose data may be deleted",
    route: () => "/customers",
    query: () => ({ data_at_risk: "true" }),
    columns: ["id", "username", "email", "balance", "overdue_status", "overdue_since"],
  }),
  command({
    name: "delete-data",
    summary:
      "delete the environments, datasets and models of a customer whose data is at risk, and cancel the jobs",
    takes: {
      ...aCustomer(),
      confirm: needed("--confirm <username>", "the customer's username, once more", words()),
    },
    run: async ({ api, output }, { customer, confirm }) => {
      const row = await api.post(path(customer, "delete-data"), { confirm_username: confirm });
      const next = `remotegpu customer data-removals ${customer}`;
      printDone(output, `Deleted. Their folders stay on hosts until you remove them: ${next}`, row);
    },
  }),
  listCommand({
    name: "data-removals",
    summary: "folders of deleted data, to be removed from their storage pools by hand",
    takes: aCustomer(),
    route: ({ customer }) => path(customer, "data-removals"),
    columns: [
      "ordered_at",
      "ordered_by",
      "resource_type",
      "resource_id",
      ["pool", (row) => row.storage_pool ?? "wherever it is"],
      "folder",
    ],
  }),
];

export const CUSTOMERS: readonly Group[] = [
  {
    name: "customer",
    summary: "customers, their money and keys",
    members: [
      command({
        name: "create",
        summary: "a customer, with a workspace of its own",
        takes: {
          username: argument("username", words()),
          email: needed("--email <address>", "where it is written to", words()),
          display_name: option("--display-name <name>", "as people read it", words()),
          user_type: option("--user-type <type>", "external, internal or admin", words()),
        },
        run: async ({ api, output }, members) => {
          const row = await api.post("/customers", body(members));
          printDone(output, `Customer ${String(row.id)} (${members.username}) is made.`, row);
        },
      }),
      listCommand({
        summary: "every customer",
        route: () => "/customers",
        columns: ["id", "username", "email", "status", "balance", "overdue_status"],
      }),
      showCommand({ summary: "one customer", takes: aCustomer(), route: ({ customer }) => path(customer) }),
      command({
        name: "update",
        summary: "change a customer",
        takes: {
          ...aCustomer(),
          display_name: option("--display-name <name>", "as people read it", words()),
          email: option("--email <address>", "where it is written to", words()),
          status: option("--status <status>", "active or suspended", words()),
          credit_limit: option("--credit-limit <amount>", "how far below zero the balance may go", amount()),
        },
        run: async ({ api, output }, { customer, ...members }) =>
          printOne(output, await api.patch(path(customer), body(members))),
      }),
      ...MONEY,
      ...SHARE,
      ...KEYS,
      ...DATA,
    ],
  },
];
