/** `remotegpu billing …`: what whoever looks after the books asks. */
import { z } from "zod";
import type { Row } from "../framework/api-client.ts";
import { command, type Group } from "../framework/command.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { printList, printOne, type Column } from "../framework/output.ts";

const RUN: Column[] = [
  ["run", (row) => row.run_id],
  ["payer", (row) => row.customer_id],
  ["resource", (row) => row.resource_name ?? row.resource_id],
  ["kind", (row) => row.resource_type],
  ["proven", (row) => durationText(row.proven_ms)],
];

const LISTS: [name: string, route: string, description: string, columns: Column[], empty: string][] = [
  [
    "pending",
    "/billing/pending",
    "runs with proven time that is not charged yet",
    [
      ...RUN,
      ["billed minutes", (row) => row.billed_minutes],
      ["pending minutes", (row) => row.pending_minutes],
      ["waits for", (row) => (row.unrated === true ? "a price" : "the full hour")],
    ],
    "Everything is charged.",
  ],
  [
    "unrated",
    "/billing/unrated",
    "runs that have time and no price",
    [...RUN, "spec", ["no price for", (row) => missingText(row)]],
    "Every run has its prices.",
  ],
  [
    "waived",
    "/billing/waived",
    "runs with time that is metered and not charged, and why",
    [...RUN, ["waived", (row) => durationText(row.waived_ms)], ["why", whyWaived]],
    "Nothing was waived.",
  ],
  [
    "quarantine",
    "/quarantine",
    "usage that a host claimed and that was refused, newest first; it is not billed",
    ["id", "at", "host_id", "run_id", "reason", "excess_ms"],
    "Nothing was refused.",
  ],
];

export const BOOKS: Group = {
  name: "billing",
  summary: "the books of the whole fleet",
  members: [
    ...LISTS.map(([name, route, summary, columns, empty]) =>
      listCommand({ name, summary, takes: limit(50), route: () => route, columns, empty, limit: 50 }),
    ),
    command({
      name: "trial-balance",
      summary: "whether the books agree: sums of all accounts, and customers whose balance does not",
      run: async ({ api, output }) => {
        const answer = await api.get("/billing/trial-balance", { limit: "200" });
        if (output.format === "json") return printOne(output, answer);
        const { items, accounts, next_cursor: _more, ...sums } = answer;
        printOne(output, sums);
        printList(output, Rows.parse(accounts), ["account", "total"]);
        printList(output, Rows.parse(items), ["customer_id", "balance", "entries"], "Every balance agrees.");
      },
    }),
  ],
};

const Rows = z.array(z.looseObject({}));
const Waived = z.looseObject({
  waive_from: z.string().nullable(),
  waive_reason: z.string().nullable(),
  stretches: z.array(
    z.looseObject({ reason: z.string(), from_at: z.string(), to_at: z.string().nullable() }),
  ),
});

function missingText(row: Row): string {
  return z.array(z.string()).parse(row.missing).join(", ");
}

function whyWaived(row: Row): string {
  const { waive_from: from, waive_reason: reason, stretches } = Waived.parse(row);
  const stop = from === null ? [] : [`${reason ?? "stopped"} since ${from}`];
  const broken = stretches.map(
    (one) => `${one.reason} since ${one.from_at}${one.to_at === null ? "" : ` until ${one.to_at}`}`,
  );
  return [...stop, ...broken].join("; ");
}

/** "2 h 5 min", "41 s" */
function durationText(ms: unknown): string {
  const seconds = Math.floor(Number(ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
