/**
 * The text of a form and the body of a request that it stands for. A body that is there already, as of what is ordered
 * once more, keeps whatever the form has no field for.
 */
import { type AnyField, type BodyField, type Draft, isPartOf, type LikeBody, textOf } from "./field.ts";
import { isMembers, type ReadText, readText, type Unreadable, writtenValue } from "./field-kinds.ts";

/** By the fields' paths: what cannot be read. */
export type Unread = Readonly<Record<string, Unreadable>>;

export interface FormBody<Body> {
  /** Members that nothing is typed for are left out, which the API refuses where it needs them. */
  body: Body;
  unread: Unread;
}

type Members = { [name: string]: unknown };

export function bodyOf<Body extends object>(
  fields: readonly BodyField<Body>[],
  draft: Draft,
  base: LikeBody<Body> = {},
): FormBody<Body> {
  const body: Members = { ...structuredClone(base) };
  const unread: Record<string, Unreadable> = {};
  for (const field of fields satisfies readonly AnyField[]) {
    const read = readField(field, draft);
    if ("why" in read) unread[field.path] = read;
    else put(body, field.path.split("."), read.value);
  }
  // Its fields' paths and kinds are those of this body.
  return { body: body as Body, unread };
}

/** The text of the fields of a body, so that it can be changed. */
export function draftOf<Body extends object>(
  fields: readonly BodyField<Body>[],
  body: LikeBody<Body>,
): Draft {
  const known: readonly AnyField[] = fields;
  return Object.fromEntries(
    known.map(({ path, kind }) => [path, writtenValue(kind, valueAt({ ...body }, path))]),
  );
}

function readField(field: AnyField, draft: Draft): ReadText {
  if (!isPartOf(field, draft)) return { value: undefined };
  const read = readText(field.kind, textOf(field, draft));
  return "why" in read ? read : { value: read.value ?? field.empty };
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
