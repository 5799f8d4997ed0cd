/**
 * What is different between the order of a service in a file and the service that is there, and the requests that make it
 * the same. What a file leaves out stays as it is, and what it says to be null goes.
 */
import type {
  InferenceServiceChange,
  InferenceServiceUpgrade,
} from "../../../client/generated/api.schemas.ts";
import { z } from "zod";

/** As the published schema says it of each member. */
const ChangedBy = z.enum(["patch", "upgrade", "never"]);
type ChangedBy = z.output<typeof ChangedBy>;
const Members = z.record(z.string(), z.looseObject({ "x-changes-by": ChangedBy.optional() }));
const Schema = z.looseObject({ properties: Members });
const AnyDocument = z.looseObject({});
/** What a file, a schema or a service says, member by member. */
type Document = z.output<typeof AnyDocument>;

export interface Difference {
  /** As in the file: `image`, `config.port`, `env_vars.EPOCHS`. */
  member: string;
  by: ChangedBy;
  now: unknown;
  wanted: unknown;
}

export class UnknownMember extends Error {}

/** The service as it will be with the revision that it is on its way to. */
export function onceThere({
  service,
  revision,
  schema,
}: Record<"service" | "revision" | "schema", object>): Document {
  const { properties } = Schema.parse(schema);
  const others = Object.entries(documentOf(documentOf(service)["config"])).filter(
    ([name]) => !isMade(configOf(properties), name),
  );
  const made = Object.entries(documentOf(documentOf(revision)["config"])).filter(([name]) =>
    isMade(configOf(properties), name),
  );
  const members = Object.entries(revision).filter(([name]) => name !== "config" && isMade(properties, name));
  return { ...service, ...Object.fromEntries(members), config: Object.fromEntries([...others, ...made]) };
}

function isMade(properties: z.output<typeof Members>, name: string): boolean {
  return Object.hasOwn(properties, name) && properties[name]?.["x-changes-by"] === "upgrade";
}

/** @throws UnknownMember with the name of what no order says */
export function differencesOf({
  file,
  service,
  schema,
}: Record<"file" | "service" | "schema", object>): Difference[] {
  const { properties } = Schema.parse(schema);
  return Object.entries(documentOf(file)).flatMap(([name, wanted]) => {
    const now = documentOf(service)[name];
    if (name === "config")
      return ofEach(name, documentOf(now), documentOf(wanted), howIn(configOf(properties)));
    const by = howIn(properties)(name);
    // Taken as a whole, so that what is there and not in the file goes.
    if (name === "env_vars")
      return ofEach(name, documentOf(now), withGone(documentOf(now), documentOf(wanted)), () => by);
    return isSame(now, wanted) ? [] : [{ member: name, by, now, wanted }];
  });
}

/** The body of a PATCH; null where nothing is changed by it. */
export function patchOf(differences: readonly Difference[]): InferenceServiceChange | null {
  return bodyOf(differences.filter(({ by }) => by === "patch"));
}

/** The body of an upgrade; null where none is needed. */
export function upgradeOf(
  differences: readonly Difference[],
  { version }: { version: string },
): InferenceServiceUpgrade | null {
  const own = differences.filter(({ by }) => by === "upgrade");
  return own.length === 0 ? null : { version, ...bodyOf(own) };
}

/** What is changed by its parts; one that goes is null. */
const GROUPS = ["config", "env_vars"];

function bodyOf(differences: readonly Difference[]): Document | null {
  if (differences.length === 0) return null;
  const body: Document = {};
  for (const { member, wanted } of differences) {
    const group = GROUPS.find((name) => member.startsWith(`${name}.`));
    if (group === undefined) body[member] = wanted ?? null;
    else body[group] = { ...documentOf(body[group]), [member.slice(group.length + 1)]: wanted ?? null };
  }
  return body;
}

function ofEach(
  group: string,
  now: Document,
  wanted: Document,
  how: (name: string) => ChangedBy,
): Difference[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const difference = { member: `${group}.${name}`, by: how(name), now: now[name], wanted: value };
    return isSame(now[name], value) ? [] : [difference];
  });
}

function withGone(now: Document, wanted: Document): Document {
  return { ...Object.fromEntries(Object.keys(now).map((name) => [name, null])), ...wanted };
}

function howIn(properties: z.output<typeof Members>): (name: string) => ChangedBy {
  return (name) => {
    const by = Object.hasOwn(properties, name) ? properties[name]?.["x-changes-by"] : undefined;
    if (by === undefined) throw new UnknownMember(name);
    return by;
  };
}

function configOf({ config }: z.output<typeof Members>): z.output<typeof Members> {
  return Schema.parse(config).properties;
}

function documentOf(value: unknown): Document {
  return AnyDocument.safeParse(value).data ?? {};
}

/** What is not said and what is said to be nothing are one; the order of members says nothing. */
function isSame(one: unknown, other: unknown): boolean {
  return textOf(one ?? null) === textOf(other ?? null);
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    const row =
      typeof part === "object" && !Array.isArray(part) ? AnyDocument.safeParse(part).data : undefined;
    return row === undefined
      ? part
      : Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
