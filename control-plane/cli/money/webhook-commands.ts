/** `remotegpu webhook …`: where messages of money, work and alarms are sent, and what became of them. */
import { commaSeparated, words } from "../framework/arguments.ts";
import { argument, command, option, resourceField, type Command, type Group } from "../framework/command.ts";
import { body } from "../framework/context.ts";
import { limit, listCommand, segment } from "../framework/list-command.ts";
import { printDone, printOne, type Column } from "../framework/output.ts";

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

const aWebhook = () => ({ webhook: resourceField("webhook", "webhook") });

const SWITCHES: Command[] = [
  command({
    name: "pause",
    summary: "send nothing more there; what waits is given up",
    takes: aWebhook(),
    run: async ({ api, output }, { webhook }) =>
      printDone(output, `Webhook ${webhook} is paused.`, await api.patch(pathOf(webhook), { active: false })),
  }),
  command({
    name: "resume",
    summary: "send there again",
    takes: aWebhook(),
    run: async ({ api, output }, { webhook }) =>
      printDone(output, `Webhook ${webhook} is active.`, await api.patch(pathOf(webhook), { active: true })),
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
          commaSeparated(),
        ),
      },
      run: async ({ api, output }, members) => printOne(output, await api.post("/webhooks", body(members))),
    }),
    listCommand({
      summary: "your webhooks",
      route: () => "/webhooks",
      columns: COLUMNS,
      empty: "No webhooks. Add one: remotegpu webhook add URL",
    }),
    ...SWITCHES,
    command({
      name: "new-secret",
      summary: "another secret from now on, printed once; the old one signs nothing more",
      takes: aWebhook(),
      run: async ({ api, output }, { webhook }) =>
        printOne(output, await api.post(`${pathOf(webhook)}/secret`)),
    }),
    command({
      name: "remove",
      summary: "remove a webhook and what became of its messages",
      takes: aWebhook(),
      run: async ({ api, output }, { webhook }) => {
        await api.delete(pathOf(webhook));
        printDone(output, `Webhook ${webhook} is removed.`, { id: webhook });
      },
    }),
    command({
      name: "test",
      summary: "send a message to try it with",
      takes: aWebhook(),
      run: async ({ api, output }, { webhook }) => {
        const row = await api.post(`${pathOf(webhook)}/test`);
        const next = `remotegpu webhook deliveries ${webhook}`;
        printDone(output, `Message ${String(row.id)} is on its way. What came of it: ${next}`, row);
      },
    }),
    listCommand({
      name: "deliveries",
      summary: "messages of the last 30 days, newest first",
      takes: { ...aWebhook(), ...limit(50) },
      route: ({ webhook }) => `${pathOf(webhook)}/deliveries`,
      columns: DELIVERY_COLUMNS,
      limit: 50,
    }),
  ],
};

function pathOf(id: string): string {
  return `/webhooks/${segment(id)}`;
}
