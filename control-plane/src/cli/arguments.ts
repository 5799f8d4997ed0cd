/** Parsers of option values; a wrong one is a usage error that names the option. */
import { InvalidArgumentError } from "commander";

const UNITS: Record<string, number> = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** "16G", "512MiB", "1048576" → bytes. */
export function bytes(text: string): number {
  const match = /^(\d{1,15})([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? "?"];
  if (match === null || unit === undefined)
    throw new InvalidArgumentError("Give a size such as 16G, 512M or bytes.");
  const size = Number(match[1]) * unit;
  if (!Number.isSafeInteger(size)) throw new InvalidArgumentError("That is too large.");
  return size;
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("Give a whole number.");
  return Number(text);
}

export function onOff(text: string): boolean {
  if (text !== "on" && text !== "off") throw new InvalidArgumentError("Give on or off.");
  return text === "on";
}

/** Kept as text: an amount of money never becomes a float. */
export function amount(text: string): string {
  if (!/^-?\d{1,16}(\.\d{1,4})?$/.test(text))
    throw new InvalidArgumentError("Give an amount such as 100 or 12.5000, at most 9999999999999999.9999.");
  return text;
}

export function price(text: string): string {
  if (!/^\d{1,12}(\.\d{1,6})?$/.test(text))
    throw new InvalidArgumentError("Give a price such as 3.5 or 0.003333, at most 999999999999.999999.");
  return text;
}

/** Collects a repeatable option. */
export function each(text: string, before: string[] = []): string[] {
  return [...before, text];
}

/** Collects NAME=VALUE; the value is everything after the first "=", newlines included. */
export function nameValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Give NAME=VALUE.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("Give valid JSON.");
  }
}

export function jsonObject(text: string): Record<string, unknown> {
  const value = json(text);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new InvalidArgumentError("Give a JSON object.");
  return { ...value };
}
