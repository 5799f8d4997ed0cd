/**
 * `remotegpu job submit`: the order of a job from a file, which is what the API takes, as YAML or JSON; and what it would
 * come to, before it is ordered.
 */
import { readFileSync, statSync } from "node:fs";
import { KIB } from "@remotegpu/shared/units";
import { z } from "zod";
import type { Row } from "../frame/api-client.ts";
import { words } from "../frame/arguments.ts";
import { CliError } from "../frame/cli-error.ts";
import { command, flag, optionalArgument } from "../frame/command.ts";
import type { Output } from "../frame/output.ts";
import { printDone, printList, printOne } from "../frame/output.ts";
import { arrayEnded, orderedSentence } from "./job-arrays.ts";
import { ended, jobSentence } from "./job-state.ts";
import { waiting } from "./wait.ts";

/** Twice what the largest order takes. */
const MAX_FILE_BYTES = 256 * KIB;
/** An anchor that is used again spares typing; one that is used in others again and again makes much of little. */
const MAX_ALIASES = 100;
const MAX_NODES = 10_000;

const Rows = z.array(z.looseObject({})).default([]);
const DryRun = z.looseObject({ hosts: Rows, suggestions: Rows });

export const SUBMIT = command({
  name: "submit",
  summary: "order a job as a YAML or JSON file says it; what it would come to with --dry-run",
  takes: {
    file: optionalArgument("file", words()),
    isDryRun: flag("--dry-run", "show price, place and what it would wait for, and order nothing"),
    isSchema: flag("--schema", "print what such a file may say, as a JSON Schema"),
    ...waiting("return when it has ended; fails unless it was completed"),
  },
  examples: ["job submit train.yaml", "job submit train.yaml --dry-run", "job submit --schema"],
  more: "The file has the members of the API's order: name, image, command, cpu, memory in bytes, gpu and so on.",
  run: async (context, { file, isDryRun, isSchema, wait, timeout }) => {
    const { api, output } = context;
    if (isSchema) return printSchema(output, await api.get("/schemas/training-job"));
    if (file === undefined) throw new CliError("usage", "Name the file: remotegpu job submit FILE.yaml");
    const order = await orderIn(file);
    if (isDryRun) return printDryRun(output, await api.post("/training-jobs/dry-run", order));
    const created = await api.post("/training-jobs", order);
    const id = String(created.id);
    const ofArray = orderedSentence(created);
    if (!wait) return printDone(output, ofArray ?? jobSentence(created), created);
    if (ofArray !== null) return await arrayEnded(context, String(created.group_id), timeout, ofArray);
    const shown = await ended(context, id, timeout, `Training job ${id} is ordered.`);
    if (shown.status === "cancelled") throw new CliError("refused", jobSentence(shown));
    printDone(output, jobSentence(shown), shown);
  },
});

/** @throws CliError saying what is wrong with it, before any of it becomes large */
export async function orderIn(file: string): Promise<Row> {
  const text = textOf(file);
  const { parseDocument, visit } = await import("yaml");
  let isTooLarge = false;
  try {
    const document = parseDocument(text, { prettyErrors: true, uniqueKeys: true });
    const [error] = document.errors;
    if (error !== undefined) throw new CliError("usage", `${file}: ${error.message.split("\n")[0] ?? ""}`);
    let nodes = 0;
    visit(document, () => {
      isTooLarge = (nodes += 1) > MAX_NODES;
      return isTooLarge ? visit.BREAK : undefined;
    });
    const value: unknown = isTooLarge ? null : document.toJS({ maxAliasCount: MAX_ALIASES });
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    // Aliases beyond the bound, and what lies too deep for the parser.
    const why = cause instanceof ReferenceError ? "its aliases make too much of it" : "it is nested too deep";
    throw new CliError("usage", `${file} is not read: ${why}.`, { cause });
  }
  if (isTooLarge) throw new CliError("usage", `${file} is not read: it says more than ${MAX_NODES} things.`);
  throw new CliError("usage", `${file} says no members of an order, such as name: train`);
}

function textOf(file: string): string {
  try {
    // What is no file, as a pipe, says no size.
    if (file !== "-" && statSync(file).size > MAX_FILE_BYTES) throw tooLong(file);
    const bytes = readFileSync(file === "-" ? 0 : file);
    if (bytes.length > MAX_FILE_BYTES) throw tooLong(file);
    return bytes.toString("utf8");
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError("usage", `The file ${file} cannot be read.`, { cause });
  }
}

function tooLong(file: string): CliError {
  return new CliError("usage", `${file} is not read: an order has at most ${MAX_FILE_BYTES / KIB} KiB.`);
}

function printSchema(output: Output, schema: Row): void {
  output.write(`${JSON.stringify(schema, null, 2)}\n`);
}

function printDryRun(output: Output, answer: Row): void {
  if (output.format === "json") return printOne(output, answer);
  const { hosts, suggestions, ...shown } = DryRun.parse(answer);
  printOne(output, shown, [
    ["price per hour", (row) => row.price_per_hour],
    ["place in the line", (row) => row.position],
    ["why", (row) => row.reason],
  ]);
  printList(output, hosts, [["host", (row) => row.host_name], "reason"], "No host to ask.");
  if (suggestions.length > 0)
    printList(output, suggestions, [["what would start it now", (row) => row.sentence], "field", "value"]);
}
