/** A change is recorded in its own transaction: which statements say that they are one, and what a scope is told. */
import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { expect, test } from "vitest";
import {
  type AuditScope,
  NO_CHANGES,
  watch,
} from "@remotegpu/control-plane/server/store/database/audit-scope";
import type { Connection } from "@remotegpu/control-plane/server/store/database/database";

const SERVER = new URL("../../../../../../control-plane/server/", import.meta.url).pathname;

const CHANGE = /^\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s/i;
const CHANGE_WITHIN =
  /^\s*WITH\s[^]*(?:\bINSERT\s+INTO|\bDELETE\s+FROM|(?<!\bFOR(?:\s+NO\s+KEY)?\s+)\bUPDATE)\s/i;
/** What every request leaves, whatever comes of it. */
const TRACE =
  /^\s*(?:(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+(?:idempotency_keys|audit_log)\b|UPDATE\s+(?:api_keys|browser_sessions)\s+SET\s+last_used_at\b)/i;

test("every statement that changes something is sent as a change, and none that only reads", async () => {
  const wrong: string[] = [];
  let changes = 0;
  for await (const file of glob("**/*.ts", { cwd: SERVER }))
    for (const { method, statement } of statementsIn(readFileSync(`${SERVER}${file}`, "utf8"))) {
      const isChange = (CHANGE.test(statement) || CHANGE_WITHIN.test(statement)) && !TRACE.test(statement);
      if (isChange) changes += 1;
      if (isChange !== (method === "change")) wrong.push(`${file}: ${method}(${statement.slice(0, 60)}`);
    }

  expect(wrong).toEqual([]);
  expect(changes).toBeGreaterThan(300);
});

/** The SQL that is passed on: where it stands, or in a constant of the same file. */
function* statementsIn(source: string): Generator<{ method: string; statement: string }> {
  const constants = new Map<string, string>();
  for (const { 1: name = "", index, 0: match } of source.matchAll(
    /const (\w+) =\s*(?:\([^)]*\) =>\s*)?(?=[`"])/g,
  ))
    constants.set(name, literalAt(source, index + match.length));
  for (const { 1: method = "", 2: name = "", index, 0: match } of source.matchAll(
    /\.(query|change)(?:<[^(]*>)?\(\s*(?:(?=[`"])|(\w+)[,()])/g,
  )) {
    const statement = name === "" ? literalAt(source, index + match.length) : constants.get(name);
    if (statement !== undefined) yield { method, statement };
  }
}

/** The text between the quotes at this place, with whatever stands inside of it. */
function literalAt(source: string, at: number): string {
  const quote = source[at];
  let inside = 0;
  for (let end = at + 1; end < source.length; end += 1) {
    if (source.startsWith("${", end)) inside += 1;
    else if (inside > 0 && source[end] === "}") inside -= 1;
    else if (inside === 0 && source[end] === quote) return source.slice(at + 1, end);
  }
  return source.slice(at + 1);
}

const done = (rowCount: number) => Promise.resolve({ rows: [], rowCount }) as never;

/** Notes what is asked of the database and of the scope, in its order. */
function watched(changed: (text: string) => number = () => 1) {
  const notes: string[] = [];
  const sql: Connection = {
    query: (text) => (notes.push(text), done(1)),
    change: (text) => (notes.push(text), done(changed(text))),
  };
  const scope: AuditScope = {
    isPresent: true,
    before: () => Promise.resolve(void notes.push("before")),
    sawMade: (kind) => void notes.push(`made ${kind}`),
    made: () => undefined,
    seal: () => Promise.resolve(void notes.push("seal")),
    committed: () => undefined,
  };
  return { notes, watch: watch(sql, scope) };
}

test("a scope hears of a transaction before its first change, and seals it once", async () => {
  const { notes, watch } = watched();

  await watch.query("SELECT");
  await watch.change("INSERT", [], { makes: "workspace" });
  await watch.change("UPDATE");

  expect(await watch.seal()).toBe(true);
  expect(notes).toEqual(["SELECT", "before", "INSERT", "made workspace", "UPDATE", "seal"]);
});

test("a change that found no row is not sealed, and makes nothing", async () => {
  const { notes, watch } = watched(() => 0);

  await watch.change("UPDATE", [], { makes: "workspace" });

  expect(await watch.seal()).toBe(false);
  expect(notes).toEqual(["before", "UPDATE"]);
});

test("what is read after a change waits with it for the scope, so that their order stays", async () => {
  const { notes, watch } = watched();

  await Promise.all([watch.change("UPDATE"), watch.query("SELECT")]);

  expect(notes).toEqual(["before", "UPDATE", "SELECT"]);
});

test("whoever only reads cannot change anything", async () => {
  const sql: Connection = { query: () => done(1), change: () => done(1) };
  const reader = watch(sql, NO_CHANGES);

  await reader.query("SELECT");

  await expect(reader.change("UPDATE")).rejects.toThrow("by its own handle");
});
