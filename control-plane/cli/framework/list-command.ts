/** The commands that look: a list of things, or one thing. They all show the same way and can be watched. */
import type { z } from "zod";
import type { ApiRequest, Page } from "../../client/api-request.ts";
import { wholeNumber } from "./arguments.ts";
import { command, option, type Command, type Given } from "./command.ts";
import { printList, printOne, type Column } from "./output.ts";

/** @param told.limit how many where not told; absent for a list that is shown whole */
export function listCommand<Item extends object, Shape extends z.ZodRawShape>(definition: {
  name?: string;
  aliases?: readonly string[];
  summary: string;
  takes?: Shape;
  request: (given: Given<Shape>) => ApiRequest<Page<Item>>;
  columns: readonly Column<Item>[];
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
      const rows = await api.list(definition.request(given), limitOf(given) ?? definition.limit);
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

export function showCommand<Shown extends object, Shape extends z.ZodRawShape>(definition: {
  name?: string;
  summary: string;
  takes?: Shape;
  request: (given: Given<Shape>) => ApiRequest<Shown>;
}): Command {
  const { name = "show", summary, takes, request } = definition;
  return command({
    name,
    summary,
    ...(takes !== undefined && { takes }),
    isWatchable: true,
    run: async ({ api, output }, given) => {
      printOne(output, await api.send(request(given)));
    },
  });
}
