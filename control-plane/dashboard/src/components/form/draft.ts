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

/** A field of a body that nothing is known of. */
export interface AnyField {
  /** Where it stands in the body: `config.gpu_model`. */
  path: string;
  kind: FieldKind;
  /** Where nothing is typed. */
  initial?: string;
}

/** The names of a body's members, and of the members of those that are objects: `config.gpu_model`. */
type MemberPath<Body> = {
  [Name in keyof Body & string]-?: PathsBelow<Name, NonNullable<Body[Name]>>;
}[keyof Body & string];

type PathsBelow<Name extends string, Value> = Value extends readonly unknown[]
  ? Name
  : Value extends object
    ? string extends keyof Value
      ? Name
      : Name | `${Name}.${keyof Value & string}`
    : Name;

type ValueAt<Body, Path> = Path extends keyof Body
  ? NonNullable<Body[Path]>
  : Path extends `${infer Name}.${infer Rest}`
    ? Name extends keyof Body
      ? ValueAt<NonNullable<Body[Name]>, Rest>
      : never
    : never;

/** How a member of such a value can be typed. */
type KindOf<Value> = Value extends string
  ? "text" | "lines" | "moment"
  : Value extends number
    ? "number" | "gib"
    : Value extends boolean
      ? "switch"
      : Value extends readonly number[]
        ? "numbers"
        : Value extends readonly string[]
          ? "words"
          : Value extends object
            ? "variables"
            : never;

/** A field of a body of the API: a path that it has not, or a kind that is another value's, is a type error. */
export type BodyField<Body> = {
  [Path in MemberPath<Body>]: { path: Path; kind: KindOf<ValueAt<Body, Path>>; initial?: string };
}[MemberPath<Body>];

/** What has members of a body, and may have none where the body needs one. */
export type LikeBody<Body> = Partial<Record<keyof Body, unknown>>;

/** By the fields' paths; a switch that is on says "yes". */
export type Draft = Readonly<Record<string, string>>;

type Members = { [name: string]: unknown };

export interface FormBody<Body> {
  /** Members that nothing is typed for are left out, which the API refuses where it needs them. */
  body: Body;
  /** By the fields' paths: what cannot be read, and the text that it is about. */
  unread: Unread;
}

export type Unread = Readonly<Record<string, { why: "badNumber" | "badVariable"; line: string }>>;

const BYTES_PER_GIB = 1_073_741_824;
const VARIABLE = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;

export function bodyOf<Body extends object>(
  fields: readonly BodyField<Body>[],
  draft: Draft,
  base: Partial<Body> = {},
): FormBody<Body> {
  const body: Members = { ...structuredClone(base) };
  const unread: Record<string, Unread[string]> = {};
  for (const { path, kind, initial = "" } of fields satisfies readonly AnyField[]) {
    const text = draft[path] ?? initial;
    const read = readField(kind, text);
    if ("why" in read) unread[path] = read;
    else put(body, path.split("."), read.value);
  }
  // Its fields' paths and kinds are those of this body.
  return { body: body as Body, unread };
}

/** What the form says of a body, so that it can be changed. */
export function draftOf<Body extends object>(
  fields: readonly BodyField<Body>[],
  body: LikeBody<Body>,
): Draft {
  const known: readonly AnyField[] = fields;
  return Object.fromEntries(known.map(({ path, kind }) => [path, textOf(kind, valueAt({ ...body }, path))]));
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

function put(body: Members, [name = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    if (value === undefined) delete body[name];
    else body[name] = value;
    return;
  }
  const within = isMembers(body[name]) ? body[name] : {};
  put(within, rest, value);
  if (Object.keys(within).length === 0) delete body[name];
  else body[name] = within;
}

function valueAt(body: Members, path: string): unknown {
  return path.split(".").reduce<unknown>((at, name) => (isMembers(at) ? at[name] : undefined), body);
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(kind: FieldKind, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (kind === "switch") return value === true ? "yes" : "";
  if (kind === "gib") return String(Number(value) / BYTES_PER_GIB);
  if ((kind === "numbers" || kind === "words") && Array.isArray(value)) return value.join(", ");
  if (kind === "variables" && isMembers(value))
    return Object.entries(value)
      .map(([name, text]) => `${name}=${String(text)}`)
      .join("\n");
  return typeof value === "string" ? value : JSON.stringify(value);
}
