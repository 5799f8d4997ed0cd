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

export function onOff() {
  return parsed(
    (text) => (text === "on" || text === "off" ? { isOn: text === "on" } : null),
    "Give on or off.",
  ).transform(({ isOn }) => isOn);
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

export function jsonObject() {
  return parsed(objectOf, "Give a JSON object.");
}

/** Repeated. */
export function jsonObjects() {
  return z.array(jsonObject());
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

/** "a,b" */
export function commaSeparated() {
  return z.string().transform((text) => text.split(",").map((one) => one.trim()));
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
