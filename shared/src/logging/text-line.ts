/** A line of the log for a reader at a terminal: time, level, message, then the fields as NAME=VALUE. */
import { z } from "zod";

const JsonLine = z.looseObject({ time: z.string(), level: z.string(), msg: z.string().default("") });
const WIDEST_LEVEL = 5;
/** What needs no quotes to be one value. */
const PLAIN = /^[^\s"=]+$/;

/** @param json one line as pino writes it, whose fields stand between time and message */
export function textLine(json: string): string {
  const { time, level, msg, ...fields } = JsonLine.parse(JSON.parse(json));
  const named = Object.entries(fields).map(([name, value]) => `${name}=${fieldText(value)}`);
  return `${[time, level.toUpperCase().padEnd(WIDEST_LEVEL), oneLine(msg), ...named].join(" ")}\n`;
}

function fieldText(value: unknown): string {
  return typeof value === "string" && PLAIN.test(value) ? value : JSON.stringify(value);
}

/** A message quotes what others wrote, which must not look like the next line. */
function oneLine(text: string): string {
  return /\p{Cc}/u.test(text) ? JSON.stringify(text) : text;
}
