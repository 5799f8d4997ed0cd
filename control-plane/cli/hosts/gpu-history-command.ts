/** `remotegpu gpu history`: how busy, full and warm a card was; a dash where nobody heard of it, or it does not tell. */
import { z } from "zod";
import { MS_PER_HOUR } from "@remotegpu/shared/units";
import { words } from "../framework/arguments.ts";
import { argument, command, option } from "../framework/command.ts";
import { segment } from "../framework/list-command.ts";
import { printDone, printList, type Column } from "../framework/output.ts";

const LISTED_HOURS = 3;

const Readings = z.object({ mean: z.number(), max: z.number() }).nullable();
const Point = z.looseObject({
  at: z.string(),
  samples: z.int(),
  utilization: Readings,
  memory_used: Readings,
  temperature: Readings,
  power: Readings,
});
const History = z.object({ series: z.array(z.object({ points: z.array(Point) })) });

const meanOf = (readings: unknown) => Readings.parse(readings)?.mean;
const maxOf = (readings: unknown) => Readings.parse(readings)?.max;
const COLUMNS: Column[] = [
  "at",
  ["use %", (row) => meanOf(row.utilization)],
  ["most", (row) => maxOf(row.utilization)],
  ["MiB", (row) => meanOf(row.memory_used)],
  { ifRoom: ["most", (row) => maxOf(row.memory_used)] },
  ["°C", (row) => meanOf(row.temperature)],
  ["watts", (row) => meanOf(row.power)],
  { ifRoom: ["most", (row) => maxOf(row.power)] },
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
    const reported = await api.get(`/gpus/${segment(uuid)}/history`, { from: from ?? begin, to });
    if (output.format === "json") return printDone(output, "", reported);
    printList(
      output,
      History.parse(reported).series.flatMap(({ points }) => points),
      COLUMNS,
      "No five minutes of that time are over yet.",
    );
  },
});
