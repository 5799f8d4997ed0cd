/**
 * What a command of remotegpu is: its words, what it takes and what it does, as a table. What is the same for all of
 * them (help, names in place of ids, completion, formats, watching) is made once, from these tables.
 */
import { z } from "zod";
import { CliError } from "./cli-error.ts";
import type { Context } from "./context.ts";
import type { Kind } from "./resource-fields.ts";

/** Where a member of a command's input stands on the command line. */
export type Field =
  | {
      place: "argument";
      /** As in the help, without brackets: `environment`. */
      label: string;
      /** What it names: an id, or a name that is turned into one. */
      of?: Kind;
      choices?: readonly string[];
      /** All that follows. */
      isRest?: true;
      isOptional?: true;
    }
  | {
      place: "option";
      /** As Commander takes them: `-f, --follow`, `--tail <lines>`. */
      flags: string;
      description: string;
      of?: Kind;
      isNeeded?: true;
      /** May be given more than once; what comes is a list. */
      repeats?: true;
      /** What it is taken for where it is not given, as a person would write it. */
      default?: string;
      choices?: readonly string[];
    };

type More = { of?: Kind; choices?: readonly string[] };

const FIELDS = z.registry<Field>();

function placed<Schema extends z.ZodType>(schema: Schema, field: Field): Schema {
  FIELDS.add(schema, field);
  return schema;
}

/** @param schema made for this field alone: where it stands is kept with it */
export function argument<Schema extends z.ZodType>(label: string, schema: Schema, more: More = {}): Schema {
  return placed(schema, { place: "argument", label, ...more });
}

export function resourceField(label: string, of: Kind): z.ZodString {
  return argument(label, z.string(), { of });
}

/** One that may be left out; nothing may stand behind it. */
export function optionalResourceField(label: string, of: Kind): z.ZodOptional<z.ZodString> {
  return placed(z.optional(z.string()), { place: "argument", label, of, isOptional: true });
}

/** Nothing may stand behind it but the words behind `--`. */
export function optionalArgument<Schema extends z.ZodType>(
  label: string,
  schema: Schema,
): z.ZodOptional<Schema> {
  return placed(z.optional(schema), { place: "argument", label, isOptional: true });
}

/** All words after the others, dashes and all. */
export function rest(label: string): z.ZodDefault<z.ZodArray<z.ZodString>> {
  return z
    .array(z.string())
    .default([])
    .register(FIELDS, { place: "argument", label, isRest: true, isOptional: true });
}

export function option<Schema extends z.ZodType>(
  flags: string,
  description: string,
  schema: Schema,
  more: More = {},
): z.ZodOptional<Schema> {
  return placed(z.optional(schema), { place: "option", flags, description, ...more });
}

export function needed<Schema extends z.ZodType>(
  flags: string,
  description: string,
  schema: Schema,
  more: More = {},
): Schema {
  return placed(schema, { place: "option", flags, description, isNeeded: true, ...more });
}

/** @param standard as a person would write it */
export function optionOr<Schema extends z.ZodType>(
  flags: string,
  description: string,
  schema: Schema,
  standard: string,
  more: More = {},
): Schema {
  return placed(schema, { place: "option", flags, description, default: standard, ...more });
}

/** May be given more than once. */
export function repeated<Schema extends z.ZodType>(
  flags: string,
  description: string,
  schema: Schema,
  more: More = {},
): z.ZodOptional<Schema> {
  const place = "option";
  return placed(z.optional(schema), { place, flags, description, repeats: true, ...more });
}

export function flag(flags: string, description: string): z.ZodDefault<z.ZodBoolean> {
  return z.boolean().default(false).register(FIELDS, { place: "option", flags, description });
}

export type Given<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>>;

/** Without the types of what it takes, so that all commands are alike. */
export type Command = {
  name: string;
  aliases: readonly string[];
  summary: string;
  fields: readonly { member: string; field: Field }[];
  /** Lines that begin with the command's own words after `remotegpu`. */
  examples: readonly string[];
  /** Shown under its help. */
  more: string | null;
  /** Only looks: it can be looked at again and again. */
  isWatchable: boolean;
  /** Words after its arguments are none of our options. */
  passesThrough: boolean;
  /** Not for people. */
  isHidden: boolean;
  /** Heading in the help of the whole. */
  section?: string;
  /** Whatever can be told before any name is looked up. @throws CliError as `perform` does */
  check: (raw: Record<string, unknown>) => void;
  /** @throws CliError of kind `usage` for a value that is none, naming where it stands */
  perform: (context: Context, raw: Record<string, unknown>) => Promise<void>;
};

export type Group = {
  name: string;
  aliases?: readonly string[];
  summary: string;
  /** Heading in the help of the whole. */
  section?: string;
  members: readonly (Command | Group)[];
  /** Which of its members is meant when none is named. */
  standard?: string;
};

export function command<Shape extends z.ZodRawShape>(definition: {
  name: string;
  aliases?: readonly string[];
  summary: string;
  takes?: Shape;
  examples?: readonly string[];
  more?: string;
  isWatchable?: true;
  passesThrough?: true;
  isHidden?: true;
  run: (context: Context, given: Given<Shape>) => Promise<void>;
}): Command {
  const { name, aliases = [], summary, takes, examples = [], more = null } = definition;
  const fields = Object.entries<z.core.$ZodType>(takes ?? {}).map(([member, type]) => {
    const field = FIELDS.get(type);
    if (field === undefined) throw new Error(`${name}: ${member} has no place on the command line`);
    return { member, field };
  });
  const isName = (field: Field) => field.of !== undefined;
  return {
    name,
    aliases,
    summary,
    fields,
    examples,
    more,
    isWatchable: definition.isWatchable === true,
    passesThrough: definition.passesThrough === true,
    isHidden: definition.isHidden === true,
    check: (raw) => {
      const unnamed = Object.entries<z.core.$ZodType>(takes ?? {}).filter(([member]) =>
        fields.some((one) => one.member === member && !isName(one.field)),
      );
      const parsed = z.object(Object.fromEntries(unnamed)).safeParse(raw);
      if (!parsed.success) throw wrongValue(parsed.error, fields);
    },
    perform: async (context, raw) => {
      const parsed = z.object<Shape>(takes).safeParse(raw);
      if (!parsed.success) throw wrongValue(parsed.error, fields);
      await definition.run(context, parsed.data);
    },
  };
}

export function isGroup(member: Command | Group): member is Group {
  return "members" in member;
}

/** Each way to write an option: `-f`, `--follow`. */
export function spellingsOf(field: Field): string[] {
  return field.place === "option" ? (field.flags.match(/(?<![\w-])--?[\w-]+/g) ?? []) : [];
}

/** `--tail`, `<amount>` */
export function labelOf(field: Field): string {
  if (field.place === "argument") return `<${field.label}>`;
  return /--[\w-]+/.exec(field.flags)?.[0] ?? field.flags;
}

function wrongValue(error: z.ZodError, fields: Command["fields"]): CliError {
  const [issue] = error.issues;
  const field = fields.find(({ member }) => member === issue?.path[0])?.field;
  const where = field === undefined ? "" : `${labelOf(field)}: `;
  return new CliError("usage", `${where}${issue?.message ?? "That cannot be read."}`, { cause: error });
}
