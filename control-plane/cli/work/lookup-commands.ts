/** What waits and in which order, and a search over names and ids. */
import { z } from "zod";
import { words } from "../framework/arguments.ts";
import { argument, command, type Command } from "../framework/command.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { type Column, printList, sizeText } from "../framework/output.ts";
import type { Row } from "../framework/api-client.ts";

const Share = z.looseObject({ sentence: z.string() }).nullish();

const QUEUE_COLUMNS: Column[] = [
  ["place", (row) => row.position],
  "kind",
  { wide: "id" },
  "name",
  { ifRoom: "customer" },
  ["gpus", (row) => gpusText(row.size)],
  { wide: ["memory", (row) => sizeText(sizeOf(row.size).memory)] },
  { ifRoom: "priority" },
  { ifRoom: "queued_at" },
  ["why", (row) => row.reason],
  { ifRoom: ["share", (row) => Share.parse(row.share)?.sentence] },
  { ifRoom: ["would start", (row) => row.would_start] },
];

function sizeOf(size: unknown): Row {
  return typeof size === "object" && size !== null ? { ...size } : {};
}

/** `2 x 8` for instances of several GPUs each. */
function gpusText(size: unknown): string {
  const { instances, gpus } = sizeOf(size);
  return instances === 1 ? String(gpus) : `${String(instances)} x ${String(gpus)}`;
}

export const LOOKUPS: readonly Command[] = [
  listCommand({
    name: "queue",
    summary: "what waits, in the order in which it is tried, with why and what would start it",
    takes: limit(50),
    route: () => "/queue",
    columns: QUEUE_COLUMNS,
    empty: "Nothing waits.",
    limit: 50,
  }),
  command({
    name: "search",
    summary: "everything of yours with this part in its name or id, the nearest first",
    takes: { part: argument("part", words()) },
    run: async ({ api, output }, { part }) => {
      const { items } = await api.get("/search", { q: part });
      const found = Array.isArray(items) ? items.map((item: Row) => item) : [];
      printList(output, found, ["kind", "id", "name", "status"], "Nothing is called so.");
    },
  }),
];
