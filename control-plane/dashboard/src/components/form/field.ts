/**
 * Fields of a form as data: the member of the request's body that each one fills, and the kind of text that is typed for
 * it. A member that the body has not, or a kind that its value cannot be read from, is a type error.
 */
export type FieldKind =
  | "text"
  | "amount"
  | "lines"
  | "moment"
  | "number"
  | "gib"
  | "switch"
  | "numbers"
  | "words"
  | "mounts"
  | "variables";

/** The text of every field by its path; a switch that is on has "yes". */
export type Draft = Readonly<Record<string, string>>;

interface TypedText {
  /** The text of a field that nobody has typed into. */
  initial?: string;
  /** A field is part of the form only while this holds. */
  when?: (draft: Draft) => boolean;
}

/** A field of a body that nothing is known of. */
export interface AnyField extends TypedText {
  /** The member that it fills: `config.gpu_model`. */
  path: string;
  kind: FieldKind;
  /** What an empty field sends; without it the member is left out. */
  empty?: unknown;
}

/** The names of a body's members, and of the members of those that are objects: `config.gpu_model`. */
export type MemberPath<Body> = {
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
  ? Body[Path]
  : Path extends `${infer Name}.${infer Rest}`
    ? Name extends keyof Body
      ? ValueAt<NonNullable<Body[Name]>, Rest>
      : never
    : never;

/** The kinds that such a value can be read from. */
type KindOf<Value> = Value extends string
  ? "text" | "amount" | "lines" | "moment"
  : Value extends number
    ? "number" | "gib"
    : Value extends boolean
      ? "switch"
      : Value extends readonly number[]
        ? "numbers"
        : Value extends readonly string[]
          ? "words"
          : Value extends readonly { id: number }[]
            ? "mounts"
            : Value extends object
              ? "variables"
              : never;

type EmptyOf<Value> =
  | (null extends Value ? null : never)
  | (string extends Value ? "" : never)
  | (boolean extends Value ? false : never);

/** A field of a body of the API. */
export type BodyField<Body> = {
  [Path in MemberPath<Body>]: TypedText & {
    path: Path;
    kind: KindOf<NonNullable<ValueAt<Body, Path>>>;
    empty?: EmptyOf<ValueAt<Body, Path>>;
  };
}[MemberPath<Body>];

export interface FieldChoice {
  value: string;
  label: string;
}

/** What is shown of a field. */
interface FieldView {
  label: string;
  hint?: string | ((text: string) => string);
  /** The name of its control; without one its path. */
  name?: string;
  isRequired?: boolean;
  /** One of these, or of mounts any of them; the first where nothing is chosen. */
  choices?: readonly FieldChoice[];
  /** Any text may be typed, and these are offered. */
  suggestions?: readonly FieldChoice[];
  /** True: the label names the unit. */
  hasUnitInLabel?: boolean;
  maxLength?: number;
}

export type Field<Body> = BodyField<Body> & FieldView;
export type VisibleField = AnyField & FieldView;

/** Members of a body, of which those that the body needs may be missing. */
export type LikeBody<Body> = Partial<Record<keyof Body, unknown>>;

export function textOf({ path, initial = "" }: AnyField, draft: Draft): string {
  return draft[path] ?? initial;
}

export function isPartOf({ when }: AnyField, draft: Draft): boolean {
  return when === undefined || when(draft);
}
