/**
 * What stands in a form, as text, and the body of a request that it says. A body that is there already, of what is to be
 * ordered once more, keeps whatever the form has no field for.
 */
export type FieldKind =
  | "text"
  | "number"
  | "gib"
  | "lines"
  | "variables"
  | "numbers"
  | "words"
  | "switch"
  | "moment";

export interface FieldOf {
  /** Where it stands in the body: `config.gpu_model`. */
  path: string;
  kind: FieldKind;
  /** Where nothing is typed. */
  initial?: string;
}

/** By the fields' paths; a switch that is on says "yes". */
export type Draft = Readonly<Record<string, string>>;

export type Body = { [name: string]: unknown };

export interface FormBody {
  body: Body;
  /** By the fields' paths: what cannot be read, and the text that it is about. */
  unread: Readonly<Record<string, { why: "badNumber" | "badVariable"; line: string }>>;
}

const BYTES_PER_GIB = 1_073_741_824;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;

export function bodyOf(fields: readonly FieldOf[], draft: Draft, base: Body = {}): FormBody {
  const body = structuredClone(base);
  const unread: Record<string, { why: "badNumber" | "badVariable"; line: string }> = {};
  for (const { path, kind, initial = "" } of fields) {
    const text = draft[path] ?? initial;
    const read = readField(kind, text);
    if ("why" in read) unread[path] = read;
    else put(body, path.split("."), read.value);
  }
  return { body, unread };
}

/** What the form says of a body, so that it can be changed. */
export function draftOf(fields: readonly FieldOf[], body: Body): Draft {
  return Object.fromEntries(fields.map(({ path, kind }) => [path, textOf(kind, valueAt(body, path))]));
}

type Read = { value: unknown } | { why: "badNumber" | "badVariable"; line: string };

function readField(kind: FieldKind, text: string): Read {
  if (kind === "switch") return { value: text === "yes" ? true : undefined };
  if (text.trim() === "") return { value: undefined };
  switch (kind) {
    case "text":
    case "lines":
      return { value: text };
    case "moment":
      return { value: new Date(text).toISOString() };
    case "number":
      return readNumber(text, (number) => number);
    case "gib":
      return readNumber(text, (gib) => Math.round(gib * BYTES_PER_GIB));
    case "words":
      return { value: text.split(/[\s,]+/).filter((word) => word !== "") };
    case "numbers":
      return readNumbers(text);
    case "variables":
      return readVariables(text);
  }
}

function readNumber(text: string, take: (number: number) => number): Read {
  const number = Number(text.trim());
  return Number.isFinite(number) ? { value: take(number) } : { why: "badNumber", line: text };
}

function readNumbers(text: string): Read {
  const parts = text.split(/[\s,]+/).filter((part) => part !== "");
  const bad = parts.find((part) => !/^\d+$/.test(part));
  return bad === undefined ? { value: parts.map(Number) } : { why: "badNumber", line: bad };
}

function readVariables(text: string): Read {
  const variables: Record<string, string> = {};
  for (const line of text.split("\n").filter((one) => one.trim() !== "")) {
    const [, name, value] = VARIABLE.exec(line) ?? [];
    if (name === undefined || value === undefined) return { why: "badVariable", line };
    variables[name] = value;
  }
  return { value: variables };
}

function put(body: Body, [name = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    if (value === undefined) delete body[name];
    else body[name] = value;
    return;
  }
  const within = isBody(body[name]) ? body[name] : {};
  put(within, rest, value);
  if (Object.keys(within).length === 0) delete body[name];
  else body[name] = within;
}

function valueAt(body: Body, path: string): unknown {
  return path.split(".").reduce<unknown>((at, name) => (isBody(at) ? at[name] : undefined), body);
}

function isBody(value: unknown): value is Body {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(kind: FieldKind, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (kind === "switch") return value === true ? "yes" : "";
  if (kind === "gib") return String(Number(value) / BYTES_PER_GIB);
  if ((kind === "numbers" || kind === "words") && Array.isArray(value)) return value.join(", ");
  if (kind === "variables" && isBody(value))
    return Object.entries(value)
      .map(([name, text]) => `${name}=${String(text)}`)
      .join("\n");
  return typeof value === "string" ? value : JSON.stringify(value);
}
