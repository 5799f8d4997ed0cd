/** What waits and in which order, and a search over names and ids. */
import { listQueue, searchEverything } from "../../client/generated/api.ts";
import type { QueuedOrder } from "../../client/generated/api.schemas.ts";
import { words } from "../framework/arguments.ts";
import { argument, command, type Command } from "../framework/command.ts";
import { limit, listCommand } from "../framework/list-command.ts";
import { type Column, printList, sizeText } from "../framework/output.ts";

const QUEUE_COLUMNS: Column<QueuedOrder>[] = [
  ["place", (row) => row.position],
  "kind",
  { wide: "id" },
  "name",
  { ifRoom: "customer" },
  ["gpus", (row) => gpusText(row.size)],
  { wide: ["memory", (row) => sizeText(row.size?.memory)] },
  { ifRoom: "priority" },
  { ifRoom: "queued_at" },
  ["why", (row) => row.reason],
  { ifRoom: ["share", (row) => row.share?.sentence] },
  { ifRoom: ["would start", (row) => row.would_start] },
];

/** `2 x 8` for instances of several GPUs each. */
function gpusText({ instances, gpus }: Partial<QueuedOrder["size"]> = {}): string {
  return instances === 1 ? String(gpus) : `${instances} x ${gpus}`;
}

export const LOOKUPS: readonly Command[] = [
  listCommand({
    name: "queue",
    summary: "what waits, in the order in which it is tried, with why and what would start it",
    takes: limit(50),
    request: () => listQueue(),
    columns: QUEUE_COLUMNS,
    empty: "Nothing waits.",
    limit: 50,
  }),
  command({
    name: "search",
    summary: "everything of yours with this part in its name or id, the nearest first",
    takes: { part: argument("part", words()) },
    run: async ({ api, output }, { part }) => {
      const { items } = await api.send(searchEverything({ q: part }));
      printList(output, items ?? [], ["kind", "id", "name", "status"], "Nothing is called so.");
    },
  }),
];
