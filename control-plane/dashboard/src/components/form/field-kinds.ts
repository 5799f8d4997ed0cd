/** The kinds of fields: how each one's text is read into a value of the API, and how such a value is written as text. */
import type { FieldKind } from "./field.ts";

export interface Unreadable {
  why: "badNumber" | "badVariable";
  /** The text that cannot be read. */
  line: string;
}

export type ReadText = { value: unknown } | Unreadable;

interface TextForm {
  /** The text is never blank. */
  read: (text: string) => ReadText;
  write: (value: unknown) => string;
}

const BYTES_PER_GIB = 1_073_741_824;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;

const oneLine: TextForm = { read: (text) => ({ value: text.trim() }), write: writeText };

const FORMS: Readonly<Record<FieldKind, TextForm>> = {
  text: oneLine,
  amount: oneLine,
  lines: { read: (text) => ({ value: text }), write: writeText },
  moment: { read: (text) => ({ value: new Date(text).toISOString() }), write: writeText },
  number: { read: (text) => readNumber(text, 1), write: writeText },
  gib: {
    read: (text) => readNumber(text, BYTES_PER_GIB),
    write: (bytes) => String(Number(bytes) / BYTES_PER_GIB),
  },
  switch: {
    read: (text) => ({ value: text === "yes" ? true : undefined }),
    write: (isOn) => (isOn === true ? "yes" : ""),
  },
  numbers: { read: readNumbers, write: writeList },
  words: { read: (text) => ({ value: wordsOf(text) }), write: writeList },
  mounts: { read: readMounts, write: (mounts) => (Array.isArray(mounts) ? writeList(mounts.map(idOf)) : "") },
  variables: { read: readVariables, write: writeVariables },
};

/** Blank text has the value undefined. */
export function readText(kind: FieldKind, text: string): ReadText {
  return text.trim() === "" ? { value: undefined } : FORMS[kind].read(text);
}

export function writtenValue(kind: FieldKind, value: unknown): string {
  return value === null || value === undefined ? "" : FORMS[kind].write(value);
}

/** The words of a list, which commas or blanks part. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

export function isMembers(value: unknown): value is { [name: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readNumber(text: string, unit: number): ReadText {
  const number = Number(text.trim());
  if (!Number.isFinite(number)) return { why: "badNumber", line: text };
  return { value: unit === 1 ? number : Math.round(number * unit) };
}

function readNumbers(text: string): { value: number[] } | Unreadable {
  const words = wordsOf(text);
  const bad = words.find((word) => !/^\d+$/.test(word));
  return bad === undefined ? { value: words.map(Number) } : { why: "badNumber", line: bad };
}

function readMounts(text: string): ReadText {
  const ids = readNumbers(text);
  return "why" in ids ? ids : { value: ids.value.map((id) => ({ id })) };
}

function readVariables(text: string): ReadText {
  const variables: Record<string, string> = {};
  for (const line of text.split("\n").filter((one) => one.trim() !== "")) {
    const [, name, value] = VARIABLE.exec(line) ?? [];
    if (name === undefined || value === undefined) return { why: "badVariable", line };
    variables[name] = value;
  }
  return { value: variables };
}

function writeText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function writeList(values: unknown): string {
  return Array.isArray(values) ? values.join(", ") : writeText(values);
}

function idOf(mount: unknown): unknown {
  return isMembers(mount) ? mount["id"] : mount;
}

function writeVariables(variables: unknown): string {
  if (!isMembers(variables)) return writeText(variables);
  return Object.entries(variables)
    .map(([name, text]) => `${name}=${String(text)}`)
    .join("\n");
}
