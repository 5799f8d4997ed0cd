/** An order in a file: YAML or JSON that says the members of the API's order, whatever else is in it; and its schema. */
import { readFileSync, statSync } from "node:fs";
import { KIB } from "@remotegpu/shared/values/units";
import { CliError } from "../framework/cli-error.ts";
import type { Output } from "../framework/output.ts";

/** Twice what the largest order takes. */
const MAX_FILE_BYTES = 256 * KIB;
/** An anchor that is used again spares typing; one that is used in others again and again makes much of little. */
const MAX_ALIASES = 100;
const MAX_NODES = 10_000;

/** @throws CliError saying what is wrong with it, before any of it becomes large */
export async function orderIn<Order extends object>(file: string): Promise<Order> {
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
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      // The server judges its members.
      return { ...value } as Order;
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

export function printSchema(output: Output, schema: object): void {
  output.write(`${JSON.stringify(schema, null, 2)}\n`);
}
