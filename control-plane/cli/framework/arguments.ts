/** Values as people write them. Each call makes one, since a schema keeps where it stands on the command line. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const UNITS: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** A parser that gives null for what it cannot read, as a schema with one sentence for that. */
function parsed<Value>(parse: (text: string) => Value | null, sentence: string) {
  return z.string().transform((text, context): Value => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: "custom", message: sentence });
    return z.NEVER;
  });
}

export function words() {
  return z.string();
}

/**
 * One of the API's own words. The server says which are good, so that an older command passes on what a newer server
 * takes.
 */
export function apiWord<Word extends string>(): z.ZodType<Word, string> {
  return z.string() as unknown as z.ZodType<Word, string>;
}

/** "16G", "512MiB", "1048576" → bytes. */
export function bytes() {
  return parsed((text) => {
    const match = /^(\d{1,15})([kmgt]?)(?:i?b)?$/i.exec(text.trim());
    const size = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? "?"] ?? Number.NaN);
    return Number.isSafeInteger(size) ? size : null;
  }, "Give a size such as 16G, 512M or bytes.");
}

export function wholeNumber() {
  return parsed((text) => (/^\d{1,15}$/.test(text) ? Number(text) : null), "Give a whole number.");
}

/** A whole number, or "off", which is null. */
export function wholeNumberOrOff() {
  return parsed<{ value: number | null }>((text) => {
    if (text === "off") return { value: null };
    return /^\d{1,15}$/.test(text) ? { value: Number(text) } : null;
  }, "Give a whole number, or off.").transform(({ value }) => value);
}

/** "2h", "30m", or a moment such as 2026-03-01T18:00Z; the two as the API names them. */
export function deadline() {
  return parsed<{ deadline: string } | { deadline_seconds: number }>((text) => {
    const span = /^(\d{1,7})([smhd])$/.exec(text.trim());
    if (span !== null) return { deadline_seconds: Number(span[1]) * (SECONDS_OF[span[2] ?? ""] ?? 0) };
    const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text.trim());
    const at = new Date(isMoment ? text.trim() : Number.NaN);
    return Number.isNaN(at.getTime()) ? null : { deadline: at.toISOString() };
  }, "Give a span such as 2h, 30m or 1d, or a moment such as 2026-03-01T18:00Z.");
}

const SECONDS_OF: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

export function onOff() {
  return parsed(
    (text) => (text === "on" || text === "off" ? { isOn: text === "on" } : null),
    "Give on or off.",
  ).transform(({ isOn }) => isOn);
}

/** A size as `bytes` reads it, or "default", which is null. */
export function bytesOrDefault() {
  return parsed<{ bytes: number | null }>((text) => {
    if (text === "default") return { bytes: null };
    const size = bytes().safeParse(text);
    return size.success ? { bytes: size.data } : null;
  }, "Give a size such as 20T or 512G, or default.");
}

/** Kept as text: an amount of money never becomes a float. */
export function amount() {
  return parsed(
    (text) => (/^-?\d{1,16}(\.\d{1,4})?$/.test(text) ? text : null),
    "Give an amount such as 100 or 12.5000, at most 9999999999999999.9999.",
  );
}

export function price() {
  return parsed(
    (text) => (/^\d{1,12}(\.\d{1,6})?$/.test(text) ? text : null),
    "Give a price such as 3.5 or 0.003333, at most 999999999999.999999.",
  );
}

/** NAME=VALUE, repeated; the value is everything after the first "=", newlines included. */
export function nameValues() {
  return z
    .array(z.string().regex(/^[^=]+=/, "Give NAME=VALUE."))
    .transform((texts) =>
      Object.fromEntries(
        texts.map((text) => text.split(/=(.*)/s, 2)).map(([name = "", value = ""]) => [name, value]),
      ),
    );
}

/** The server judges its members. */
export function jsonObject<Members extends object = Record<string, unknown>>(): z.ZodType<Members, string> {
  return parsed(objectOf, "Give a JSON object.") as unknown as z.ZodType<Members, string>;
}

/** Repeated. */
export function jsonObjects<Members extends object>() {
  return z.array(jsonObject<Members>());
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value !== "object" || value === null || Array.isArray(value) ? null : { ...value };
  } catch {
    return null;
  }
}

/** "50,10", or "none", or "default"; null stands for the last. */
export function amounts() {
  return parsed<{ list: string[] | null }>((text) => {
    if (text === "default") return { list: null };
    const list = text === "none" ? [] : text.split(",").map((one) => one.trim());
    return list.every((one) => amount().safeParse(one).success) ? { list } : null;
  }, "Give amounts such as 50,10, or none, or default.");
}

/** "a,b", or "none". */
export function namesOrNone() {
  return z.string().transform((text) => (text === "none" ? [] : text.split(",").map((one) => one.trim())));
}

/** "a,b" */
export function commaSeparated<Word extends string>() {
  return z.string().transform((text) => text.split(",").map((one) => apiWord<Word>().parse(one.trim())));
}

/** What a file holds, without the end of its last line. */
export function fileText() {
  return z.string().transform((file, context): string => {
    try {
      return readFileSync(file, "utf8").replace(/\r?\n$/, "");
    } catch {
      context.addIssue({ code: "custom", message: `The file ${file} cannot be read.` });
      return z.NEVER;
    }
  });
}
