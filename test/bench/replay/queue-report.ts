/** The options of a replay, and its figures as JSON or as a table. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { z } from "zod";
import { ReplayError } from "./replay-error.ts";
import { BACKFILLS, meanSlowdown, ORDERS } from "./queue-protocol.ts";
import { parseSwf, type SwfJob } from "./swf-log.ts";

const WholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "must be a whole number")
  .transform(Number);
const Count = WholeNumber.refine((count) => count > 0, "must be 1 or more");

const Options = z.object({
  swf: z.string({ error: "is missing: the log to replay" }),
  order: z.enum(ORDERS),
  backfill: z.enum(BACKFILLS),
  starts: z
    .string()
    .transform((list) => list.split(","))
    .pipe(z.array(WholeNumber)),
  length: Count,
  processors: Count,
  json: z.boolean(),
});
type Options = z.output<typeof Options>;

interface Result {
  mean: number;
  starts: { start: number; slowdown: number }[];
}

/**
 * What the command prints.
 * @throws ReplayError
 */
export function replayReport(args: string[]): string {
  const options = readOptions(args);
  const log = readLog(options.swf);
  const starts = options.starts.map((start) => ({ start, slowdown: meanSlowdown(log, start, options) }));
  const mean = starts.reduce((sum, { slowdown }) => sum + slowdown, 0) / starts.length;
  return options.json ? `${JSON.stringify({ mean, starts })}\n` : tableOf({ mean, starts });
}

function readOptions(args: string[]): Options {
  const given = argumentsOf(args);
  const options = Options.safeParse(given);
  if (options.success) return options.data;
  const [issue] = options.error.issues;
  throw new ReplayError(`--${String(issue?.path[0])} ${issue?.message}`);
}

function argumentsOf(args: string[]): Record<string, unknown> {
  try {
    const text = { type: "string" } as const;
    return parseArgs({
      args,
      options: {
        swf: text,
        order: { ...text, default: "fcfs" },
        backfill: { ...text, default: "none" },
        starts: { ...text, default: "0" },
        length: { ...text, default: "1024" },
        processors: { ...text, default: "256" },
        json: { type: "boolean", default: false },
      },
    }).values;
  } catch (cause) {
    const { message } = cause instanceof Error ? cause : new Error(String(cause));
    throw new ReplayError(message.replaceAll("\n", " "), { cause });
  }
}

function readLog(file: string): SwfJob[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ReplayError(`cannot read ${file}: ${String(cause)}`, { cause });
  }
  return parseSwf(text);
}

function tableOf({ mean, starts }: Result): string {
  const rows = [
    ["start", "mean bounded slowdown"],
    ...starts.map(({ start, slowdown }) => [`${start}`, slowdown.toFixed(2)]),
    ["all", mean.toFixed(2)],
  ];
  return rows.map(([start = "", value = ""]) => `${start.padStart(8)}  ${value.padStart(21)}\n`).join("");
}
