/**
 * Lists: `?limit=&cursor=` in, `{items, next_cursor}` out. A cursor is the key of the last item seen, packed so
 * that clients do not build on its form; a list that changes between two pages neither repeats nor skips rows
 * that stayed.
 */
import { z } from "@hono/zod-openapi";
import { inputFailure } from "./input-failure.ts";
import { text } from "@remotegpu/shared/values/text";
import { badField } from "./refusal.ts";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;
/** Names stand in some, of files and hosts in whatever script. */
const MAX_CURSOR_LENGTH = 2_000;

/** Spread into a query schema: `z.strictObject({ ...pageQuery, status: … })`. */
export const pageQuery = {
  limit: limitUpTo(MAX_LIMIT, DEFAULT_LIMIT),
  cursor: z.string().max(MAX_CURSOR_LENGTH).optional().openapi({
    description: "`next_cursor` of the page before; without it the first page comes",
    example: "WzQyXQ",
  }),
};

/** `usual` is what the list itself takes where nothing is said. */
export function limitUpTo(most: number, usual: number) {
  return z
    .string()
    .refine(
      (text) => /^[0-9]{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= most,
      inputFailure({ code: "limit-out-of-range", params: { maximum: most } }),
    )
    .transform(Number)
    .optional()
    .openapi({ type: "integer", minimum: 1, maximum: most, default: usual });
}

export const PageQuery = z.strictObject(pageQuery);

export function pageOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}

/** What a store function needs to answer one page: it fetches `limit + 1` rows beyond `after`. */
export interface PageRequest<Key> {
  limit: number;
  after: Key | null;
}

const NumericKey = z.tuple([z.int().nonnegative()]);
/** A file's name is up to 255 bytes, as base64url. */
const TextKey = z.tuple([text(400)]);
/** Microseconds since 1970 as text, because a JavaScript date keeps milliseconds only, and the id. */
const TimeKey = z.tuple([z.string().regex(/^-?[0-9]{1,18}$/), text(128)]);

const MomentKey = z.tuple([z.string().regex(/^-?[0-9]{1,18}$/), z.int().nonnegative()]);

const DayKey = z.tuple([z.iso.date(), z.int().nonnegative()]);

export interface PageQueryValues {
  limit?: number | undefined;
  cursor?: string | undefined;
}

/** Lists ordered by a bigserial id. */
export function numericPage(query: PageQueryValues): PageRequest<number> {
  return { limit: query.limit ?? DEFAULT_LIMIT, after: unpack(query.cursor, NumericKey)?.[0] ?? null };
}

/** Lists ordered by a text id or name. */
export function textPage(query: PageQueryValues): PageRequest<string> {
  return { limit: query.limit ?? DEFAULT_LIMIT, after: unpack(query.cursor, TextKey)?.[0] ?? null };
}

/** Lists ordered by creation, newest first, then id. */
export function timePage(query: PageQueryValues): PageRequest<{ micros: string; id: string }> {
  const key = unpack(query.cursor, TimeKey);
  return {
    limit: query.limit ?? DEFAULT_LIMIT,
    after: key === null ? null : { micros: key[0], id: key[1] },
  };
}

/** Lists ordered by a moment, newest first, then by a bigserial id. */
export function momentPage(query: PageQueryValues): PageRequest<{ micros: string; id: number }> {
  const key = unpack(query.cursor, MomentKey);
  return {
    limit: query.limit ?? DEFAULT_LIMIT,
    after: key === null ? null : { micros: key[0], id: key[1] },
  };
}

/** Lists of days of workspaces, newest first. */
export function dayPage(query: PageQueryValues): PageRequest<{ day: string; workspaceId: number }> {
  const key = unpack(query.cursor, DayKey);
  return {
    limit: query.limit ?? DEFAULT_LIMIT,
    after: key === null ? null : { day: key[0], workspaceId: key[1] },
  };
}

/** For a list with a key of its own, which begins with its name. */
export function cursorOf<S extends z.ZodType>(query: PageQueryValues, key: S): z.output<S> | null {
  return unpack(query.cursor, key);
}

export function limitOf(query: PageQueryValues): number {
  return query.limit ?? DEFAULT_LIMIT;
}

/** Lists that are there whole, each row with a number that grows: without a limit all that follows is one page. */
export function wholePage<Row, Item>(
  rows: readonly Row[],
  query: PageQueryValues,
  { item, number }: { item: (row: Row) => Item; number: (row: Row) => number },
): { items: Item[]; next_cursor: string | null } {
  const after = unpack(query.cursor, NumericKey)?.[0] ?? -1;
  const left = rows.filter((row) => number(row) > after);
  return toPage(left, query.limit ?? left.length, { item, key: (row) => [number(row)] });
}

/** Cuts the `limit + 1` fetched rows to the page and packs the last one's key when more follow. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  { item, key }: { item: (row: Row) => Item; key: (row: Row) => readonly (string | number)[] },
): { items: Item[]; next_cursor: string | null } {
  const visible = rows.slice(0, limit);
  const last = visible.at(-1);
  return {
    items: visible.map(item),
    next_cursor: rows.length > limit && last !== undefined ? cursorAfter(key(last)) : null,
  };
}

/** The cursor of the page behind the item with this key. */
export function cursorAfter(key: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

function unpack<S extends z.ZodType>(cursor: string | undefined, schema: S): z.output<S> | null {
  if (cursor === undefined) return null;
  const parsed = schema.safeParse(parseJson(Buffer.from(cursor, "base64url").toString("utf8")));
  if (!parsed.success) throw badField("cursor", "cursor-unknown");
  return parsed.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
