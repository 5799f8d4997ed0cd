/** What every command is given: a client made from the general options, and where to print. */
import { z } from "zod";
import { ApiClient } from "./api-client.ts";
import { loadProfile } from "./profile.ts";
import type { Output } from "./output.ts";
import { controlTerminal, writeMessage } from "../terminal/outputs.ts";

export type Context = {
  /** Made when it is first asked for: a command that asks no server needs no profile. */
  readonly api: ApiClient;
  readonly output: Output;
  /** As given, for those who keep or look for a profile. */
  readonly where: Where;
};

type Where = { server?: string; key?: string; profile?: string };

/** To the first line, and the screen and what was scrolled away emptied. */
const CLEAR = "\u001B[H\u001B[2J\u001B[3J";

export const FORMATS = ["table", "wide", "name", "json"] as const;

export const GeneralOptions = z.object({
  json: z.boolean().default(false),
  format: z.enum(FORMATS).optional(),
  profile: z.string().optional(),
  server: z.string().optional(),
  key: z.string().optional(),
  raw: z.boolean().default(false),
});

/** @param given what was given of the general options */
export function contextOf(given: z.output<typeof GeneralOptions>): Context {
  const { json, format = json ? "json" : "table", raw: isRaw, ...options } = given;
  const where: Where = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { isTTY: isTerminal, columns } = process.stdout;
  let client: ApiClient | null = null;
  return {
    where,
    output: {
      format,
      nowMs: Date.now(),
      width: isTerminal ? columns : null,
      write: (text) => writeMessage(text, "stdout"),
      ...(isTerminal && { clear: () => controlTerminal(CLEAR, "stdout") }),
      isRaw,
    },
    get api() {
      client ??= new ApiClient(loadProfile(where));
      return client;
    },
  };
}
