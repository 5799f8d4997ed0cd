/** `remotegpu gpu history`: how busy, full and warm a card was; a dash where nobody heard of it, or it does not tell. */
import { given } from "../../client/api-request.ts";
import { getGpuHistory } from "../../client/generated/api.ts";
import type { GpuHistory } from "../../client/generated/api.schemas.ts";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { words } from "../framework/arguments.ts";
import { argument, command, option } from "../framework/command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";

const LISTED_HOURS = 3;

type Point = GpuHistory["series"][number]["points"][number];

const COLUMNS: Column<Point>[] = [
  "at",
  ["use %", (row) => row.utilization?.mean],
  ["most", (row) => row.utilization?.max],
  ["MiB", (row) => row.memory_used?.mean],
  { ifRoom: ["most", (row) => row.memory_used?.max] },
  ["°C", (row) => row.temperature?.mean],
  ["watts", (row) => row.power?.mean],
  { ifRoom: ["most", (row) => row.power?.max] },
  { wide: "samples" },
];

export const GPU_HISTORY = command({
  name: "history",
  summary: `how busy, full and warm it was and what it drew; of the last ${LISTED_HOURS} hours`,
  takes: {
    uuid: argument("uuid", words()),
    from: option("--from <time>", "from this moment on, RFC 3339; it is kept for 30 days", words()),
    to: option("--to <time>", "before this moment; else until now", words()),
  },
  isWatchable: true,
  run: async ({ api, output }, { uuid, from, to }) => {
    const end = to === undefined ? output.nowMs : Date.parse(to);
    const begin = Number.isNaN(end) ? undefined : new Date(end - LISTED_HOURS * MS_PER_HOUR).toISOString();
    const reported = await api.send(getGpuHistory(uuid, given({ from: from ?? begin, to })));
    if (output.format === "json") return printDone(output, "", reported);
    printList(
      output,
      reported.series.flatMap(({ points }) => points),
      COLUMNS,
      "No five minutes of that time are over yet.",
    );
  },
});
