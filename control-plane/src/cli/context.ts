/** What every command is given: a client made from the global options, and where to print. */
import type { Command } from "commander";
import { z } from "zod";
import { ApiClient } from "./api-client.ts";
import { loadProfile } from "./profile.ts";
import type { Output } from "./output.ts";

export type Context = { api: ApiClient; output: Output };

const GlobalOptions = z.object({
  json: z.boolean().default(false),
  profile: z.string().optional(),
  server: z.string().optional(),
  key: z.string().optional(),
});

/** Wraps a command's action: parses what is global, hands over the client, and the command's own values after it. */
export function withContext<Values extends unknown[]>(
  action: (context: Context, ...values: Values) => Promise<void>,
) {
  return async function run(this: Command, ...values: Values): Promise<void> {
    const { json, ...where } = GlobalOptions.parse(this.optsWithGlobals());
    const given = Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined));
    await action({ api: new ApiClient(loadProfile(given)), output: outputOf(json) }, ...values);
  };
}

/** Likewise for a command that asks no server: it needs no profile. */
export function withOutput<Values extends unknown[]>(
  action: (output: Output, ...values: Values) => Promise<void>,
) {
  return async function run(this: Command, ...values: Values): Promise<void> {
    await action(outputOf(GlobalOptions.parse(this.optsWithGlobals()).json), ...values);
  };
}

function outputOf(json: boolean): Output {
  return { json, write: (text) => void process.stdout.write(text) };
}

/** Options every command has; they are no part of any body. */
const GENERAL = new Set(Object.keys(GlobalOptions.shape));

/** An option bag without what was not given or is general, its names turned into the API's field names. */
export function body(options: object, rename: Record<string, string> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options)
      .filter(([name, value]) => value !== undefined && !GENERAL.has(name))
      .map(([name, value]) => [rename[name] ?? snakeCase(name), value]),
  );
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
