/** `remotegpu billing …`: what whoever looks after the books asks. */
import {
  listBillingTrialBalance,
  listBillingPending,
  listBillingUnrated,
  listBillingWaived,
  listQuarantine,
} from "../../client/generated/api.ts";
import type { WaivedRun } from "../../client/generated/api.schemas.ts";
import { command, type Command, type Group } from "../framework/command.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { printList, printOne, type Column } from "../framework/output.ts";

/** What every list of runs shows of one. */
type Run = Pick<
  WaivedRun,
  "run_id" | "customer_id" | "resource_name" | "resource_id" | "resource_type" | "proven_ms"
>;

const RUN: Column<Run>[] = [
  ["run", (row) => row.run_id],
  ["payer", (row) => row.customer_id],
  ["resource", (row) => row.resource_name ?? row.resource_id],
  ["kind", (row) => row.resource_type],
  ["proven", (row) => durationText(row.proven_ms)],
];

const LISTS: readonly Command[] = [
  listCommand({
    name: "pending",
    summary: "runs with proven time that is not charged yet",
    takes: limit(50),
    request: () => listBillingPending(),
    columns: [
      ...RUN,
      ["billed minutes", (row) => row.billed_minutes],
      ["pending minutes", (row) => row.pending_minutes],
      ["waits for", (row) => (row.unrated ? "a price" : "the full hour")],
    ],
    empty: "Everything is charged.",
    limit: 50,
  }),
  listCommand({
    name: "unrated",
    summary: "runs that have time and no price",
    takes: limit(50),
    request: () => listBillingUnrated(),
    columns: [...RUN, "spec", ["no price for", ({ missing }) => missing.join(", ")]],
    empty: "Every run has its prices.",
    limit: 50,
  }),
  listCommand({
    name: "waived",
    summary: "runs with time that is metered and not charged, and why",
    takes: limit(50),
    request: () => listBillingWaived(),
    columns: [...RUN, ["waived", (row) => durationText(row.waived_ms)], ["why", whyWaived]],
    empty: "Nothing was waived.",
    limit: 50,
  }),
  listCommand({
    name: "quarantine",
    summary: "usage that a host claimed and that was refused, newest first; it is not billed",
    takes: limit(50),
    request: () => listQuarantine(),
    columns: ["id", "at", "host_id", "run_id", "reason", "excess_ms"],
    empty: "Nothing was refused.",
    limit: 50,
  }),
];

export const BOOKS: Group = {
  name: "billing",
  summary: "the books of the whole fleet",
  members: [
    ...LISTS,
    command({
      name: "trial-balance",
      summary: "whether the books agree: sums of all accounts, and customers whose balance does not",
      run: async ({ api, output }) => {
        const answer = await api.send(listBillingTrialBalance({ limit: 200 }));
        if (output.format === "json") return printOne(output, answer);
        const { items, accounts, next_cursor: _more, ...sums } = answer;
        printOne(output, sums);
        printList(output, accounts, ["account", "total"]);
        printList(output, items, ["customer_id", "balance", "entries"], "Every balance agrees.");
      },
    }),
  ],
};

function whyWaived({ waive_from: from, waive_reason: reason, stretches }: WaivedRun): string {
  const stop = from === null ? [] : [`${reason ?? "stopped"} since ${from}`];
  const broken = stretches.map(
    (one) => `${one.reason} since ${one.from_at}${one.to_at === null ? "" : ` until ${one.to_at}`}`,
  );
  return [...stop, ...broken].join("; ");
}

/** "2 h 5 min", "41 s" */
function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
