/** The commands that look: a list of things, or one thing. They all show the same way and can be watched. */
import type { z } from "zod";
import type { Row } from "./api-client.ts";
import { wholeNumber } from "./arguments.ts";
import { command, option, type Command, type Given } from "./command.ts";
import { printList, printOne, type Column } from "./output.ts";

type Query = Record<string, string | undefined>;

/** @param told.limit how many where not told; absent for a list that is shown whole */
export function listCommand<Shape extends z.ZodRawShape>(definition: {
  name?: string;
  aliases?: readonly string[];
  summary: string;
  takes?: Shape;
  route: (given: Given<Shape>) => string;
  query?: (given: Given<Shape>) => Query;
  columns: Column[];
  empty?: string;
  limit?: number;
  examples?: readonly string[];
}): Command {
  const { name = "list", aliases = [], summary, takes, examples = [], columns, empty } = definition;
  return command({
    name,
    aliases,
    summary,
    examples,
    ...(takes !== undefined && { takes }),
    isWatchable: true,
    run: async ({ api, output }, given) => {
      const rows = await api.list(
        definition.route(given),
        definition.query?.(given) ?? {},
        limitOf(given) ?? definition.limit,
      );
      printList(output, rows, columns, empty);
    },
  });
}

/** `--limit`, as the member that `listCommand` looks for. */
export function limit(standard: number, what = "how many") {
  return { limit: option("--limit <count>", `${what}; ${standard} unless told`, wholeNumber()) };
}

function limitOf(given: object): number | undefined {
  return "limit" in given && typeof given.limit === "number" ? given.limit : undefined;
}

export function showCommand<Shape extends z.ZodRawShape>(definition: {
  name?: string;
  summary: string;
  takes?: Shape;
  route: (given: Given<Shape>) => string;
  /** How it is shown to people; every member by default. */
  show?: (row: Row) => Row;
}): Command {
  const { name = "show", summary, takes, route, show = (row) => row } = definition;
  return command({
    name,
    summary,
    ...(takes !== undefined && { takes }),
    isWatchable: true,
    run: async ({ api, output }, given) => {
      const row = await api.get(route(given));
      printOne(output, output.format === "json" ? row : show(row));
    },
  });
}

/** A part of a path. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}
