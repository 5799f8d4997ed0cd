/** `remotegpu webhook …`: where messages of money, work and alarms are sent, and what became of them. */
import { given } from "../../client/api-request.ts";
import {
  changeWebhook,
  createWebhook,
  createWebhookSecret,
  deleteWebhook,
  listWebhookDeliveries,
  listWebhooks,
  testWebhook,
} from "../../client/generated/api.ts";
import type { Webhook, WebhookDelivery, WebhookWish } from "../../client/generated/api.schemas.ts";
import { commaSeparated, words } from "../framework/arguments.ts";
import { argument, command, option, resourceField, type Command, type Group } from "../framework/command.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { printDone, printOne, type Column } from "../framework/output.ts";

const COLUMNS: Column<Webhook>[] = [
  "id",
  "url",
  ["kinds", (row) => row.kinds?.join(", ") ?? "all"],
  ["active", (row) => (row.active ? "yes" : "no")],
  "created_at",
];

const DELIVERY_COLUMNS: Column<WebhookDelivery>[] = [
  "id",
  "created_at",
  "kind",
  "state",
  "tries",
  ["status", (row) => row.last_status],
  ["why not", (row) => row.last_error],
  ["next try", (row) => row.next_try_at],
];

const aWebhook = () => ({ webhook: resourceField("webhook", "webhook") });

const SWITCHES: Command[] = [
  command({
    name: "pause",
    summary: "send nothing more there; what waits is given up",
    takes: aWebhook(),
    run: async ({ api, output }, { webhook }) =>
      printDone(
        output,
        `Webhook ${webhook} is paused.`,
        await api.send(changeWebhook(webhook, { active: false })),
      ),
  }),
  command({
    name: "resume",
    summary: "send there again",
    takes: aWebhook(),
    run: async ({ api, output }, { webhook }) =>
      printDone(
        output,
        `Webhook ${webhook} is active.`,
        await api.send(changeWebhook(webhook, { active: true })),
      ),
  }),
];

export const WEBHOOK: Group = {
  name: "webhook",
  summary: "addresses to which messages of money, work and alarms are sent",
  members: [
    command({
      name: "add",
      summary: "send messages there; prints the secret that signs them, once",
      takes: {
        url: argument("url", words()),
        kinds: option(
          "--kinds <list>",
          "only these: low-balance,hours-left,budget,overdue,suspended,data-at-risk,ready,failed,stopped,restarting,drained,lease-due,job-started,job-ended,job-retried,job-stalled,service-serving,service-failed,service-stopped,service-scaled,service-rollout; for administrators alarm",
          commaSeparated<NonNullable<WebhookWish["kinds"]>[number]>(),
        ),
      },
      run: async ({ api, output }, members) =>
        printOne(output, await api.send(createWebhook(given(members)))),
    }),
    listCommand({
      summary: "your webhooks",
      request: () => listWebhooks(),
      columns: COLUMNS,
      empty: "No webhooks. Add one: remotegpu webhook add URL",
    }),
    ...SWITCHES,
    command({
      name: "new-secret",
      summary: "another secret from now on, printed once; the old one signs nothing more",
      takes: aWebhook(),
      run: async ({ api, output }, { webhook }) =>
        printOne(output, await api.send(createWebhookSecret(webhook))),
    }),
    command({
      name: "remove",
      summary: "remove a webhook and what became of its messages",
      takes: aWebhook(),
      run: async ({ api, output }, { webhook }) => {
        await api.send(deleteWebhook(webhook));
        printDone(output, `Webhook ${webhook} is removed.`, { id: webhook });
      },
    }),
    command({
      name: "test",
      summary: "send a message to try it with",
      takes: aWebhook(),
      run: async ({ api, output }, { webhook }) => {
        const row = await api.send(testWebhook(webhook));
        const next = `remotegpu webhook deliveries ${webhook}`;
        printDone(output, `Message ${row.id} is on its way. What came of it: ${next}`, row);
      },
    }),
    listCommand({
      name: "deliveries",
      summary: "messages of the last 30 days, newest first",
      takes: { ...aWebhook(), ...limit(50) },
      request: ({ webhook }) => listWebhookDeliveries(webhook),
      columns: DELIVERY_COLUMNS,
      limit: 50,
    }),
  ],
};
