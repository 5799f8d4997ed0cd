/** What the fleet's owner does with customers: accounts, their money, keys and data. */
import { given } from "../../client/api-request.ts";
import {
  changeCustomer,
  createCustomer,
  createCustomerAdjustment,
  createCustomerApiKey,
  createCustomerRefund,
  createCustomerTopUp,
  createCustomerWriteOff,
  deleteCustomerApiKey,
  deleteCustomerData,
  getCustomer,
  listCustomerApiKeys,
  listCustomerDataRemovals,
  listCustomers,
  setCustomerShareWeight,
} from "../../client/generated/api.ts";
import type { CustomerChange, NewCustomer, Payment } from "../../client/generated/api.schemas.ts";
import { amount, apiWord, wholeNumber, words } from "../framework/arguments.ts";
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
import { IDENTITIES } from "./identity-commands.ts";
import { KEY_COLUMNS, keyOptions } from "./key-commands.ts";
import { listCommand, showCommand } from "../framework/list-command.ts";
import { printDone, printOne } from "../framework/output.ts";

const aCustomer = () => ({ customer: resourceField("customer", "customer") });
const balanceSentence = (customer: string, row: Payment) =>
  `Customer ${customer} has a balance of ${row.balance}.`;

/** Corrections of a balance, each with its reason. */
const WITH_REASON = [
  { name: "adjust", request: createCustomerAdjustment, summary: "a signed correction with its reason" },
  {
    name: "write-off",
    request: createCustomerWriteOff,
    summary: "forgive debt, at most what the balance is below zero",
  },
].map(({ name, request, summary }) =>
  command({
    name,
    summary,
    takes: {
      ...aCustomer(),
      amount: argument("amount", amount()),
      reason: needed("--reason <text>", "why, for the books", words()),
    },
    run: async ({ api, output }, { customer, ...members }) => {
      const row = await api.send(request(customer, members));
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
      const row = await api.send(createCustomerTopUp(customer, members));
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
      const row = await api.send(createCustomerRefund(customer, given(members)));
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
      const row = await api.send(setCustomerShareWeight(customer, { share_weight: weight }));
      printDone(output, `Customer ${customer} has the share weight ${row.share_weight}.`, row);
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
      const key = { ...given(request), ...(metrics && { role: "metrics" as const }) };
      const row = await api.send(createCustomerApiKey(customer, key));
      printDone(output, row.key, row);
    },
  }),
  listCommand({
    name: "key-list",
    summary: "its API keys, by their first characters",
    takes: aCustomer(),
    request: ({ customer }) => listCustomerApiKeys(customer),
    columns: KEY_COLUMNS,
  }),
  command({
    name: "key-delete",
    summary: "revoke an API key",
    takes: { ...aCustomer(), key: argument("key-id", words()) },
    run: async ({ api, output }, { customer, key }) => {
      await api.send(deleteCustomerApiKey(customer, key));
      printDone(output, `Key ${key} no longer opens anything.`);
    },
  }),
];

const DATA: Command[] = [
  listCommand({
    name: "at-risk",
    summary: "customers who have been overdue for 60 days, whose data may be deleted",
    request: () => listCustomers({ data_at_risk: "true" }),
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
      const row = await api.send(deleteCustomerData(customer, { confirm_username: confirm }));
      const next = `remotegpu customer data-removals ${customer}`;
      printDone(output, `Deleted. Their folders stay on hosts until you remove them: ${next}`, row);
    },
  }),
  listCommand({
    name: "data-removals",
    summary: "folders of deleted data, to be removed from their storage pools by hand",
    takes: aCustomer(),
    request: ({ customer }) => listCustomerDataRemovals(customer),
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
          user_type: option(
            "--user-type <type>",
            "external, internal or admin",
            apiWord<NonNullable<NewCustomer["user_type"]>>(),
          ),
        },
        run: async ({ api, output }, members) => {
          const row = await api.send(createCustomer(given(members)));
          printDone(output, `Customer ${row.id} (${members.username}) is made.`, row);
        },
      }),
      listCommand({
        summary: "every customer",
        request: () => listCustomers(),
        columns: ["id", "username", "email", "status", "balance", "overdue_status"],
      }),
      showCommand({
        summary: "one customer",
        takes: aCustomer(),
        request: ({ customer }) => getCustomer(customer),
      }),
      command({
        name: "update",
        summary: "change a customer",
        takes: {
          ...aCustomer(),
          display_name: option("--display-name <name>", "as people read it", words()),
          email: option("--email <address>", "where it is written to", words()),
          status: option(
            "--status <status>",
            "active or suspended",
            apiWord<NonNullable<CustomerChange["status"]>>(),
          ),
          credit_limit: option("--credit-limit <amount>", "how far below zero the balance may go", amount()),
        },
        run: async ({ api, output }, { customer, ...members }) =>
          printOne(output, await api.send(changeCustomer(customer, given(members)))),
      }),
      ...MONEY,
      ...SHARE,
      ...KEYS,
      ...IDENTITIES,
      ...DATA,
    ],
  },
];
