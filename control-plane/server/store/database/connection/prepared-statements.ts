/**
 * The statements that a connection to Postgres has prepared. Planning is most of what Postgres does for a short statement,
 * and a prepared one keeps its plan; but only the session that prepared it knows it, so a connection behind a pooler,
 * whose next statement may come to another session, has none (connection-role.ts finds out which it is). A name stands for one
 * text everywhere: should two sessions ever be mistaken for one, a name is unknown there, and never another statement.
 */
import { hash } from "node:crypto";
import { type Connection, DatabaseError } from "pg";
import type { RowShape } from "./driver-internals.ts";

/** More than a connection sends often; each takes some ten KiB of its session. */
export const MAX_PREPARED = 1_000;

const FEATURE_NOT_SUPPORTED = "0A000";
const UNKNOWN_STATEMENT = "26000";

/**
 * True where Postgres refused a statement for how it had been prepared, and has not begun it: a migration has changed what
 * its rows look like, or this is not the session that prepared it. Sent without a name it is done.
 */
export function isStalePlan(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  return (
    error.code === UNKNOWN_STATEMENT ||
    (error.code === FEATURE_NOT_SUPPORTED && error.routine === "RevalidateCachedQuery")
  );
}

export class PreparedStatements {
  readonly #connection: Connection;
  /** What the rows of each look like by its name, the least recently sent first; null without rows, undefined until it is known. */
  readonly #shapes = new Map<string, RowShape | null | undefined>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Closes those that were not sent for the longest time until these have room. They are sent next. */
  makeRoomFor(texts: readonly string[]): void {
    const next = new Set(texts.map((text) => nameOf(text)));
    const added = [...next].filter((name) => !this.#shapes.has(name)).length;
    let tooMany = this.#shapes.size + added - MAX_PREPARED;
    for (const name of this.#shapes.keys()) {
      if (tooMany <= 0) return;
      if (next.has(name)) continue;
      this.#shapes.delete(name);
      this.#connection.close({ type: "S", name }, true);
      tooMany -= 1;
    }
  }

  /** The name of a statement, which is prepared under it where it was not; and its shape, where that is known. */
  prepare(text: string): { name: string; shape: RowShape | null | undefined } {
    const name = nameOf(text);
    const isPrepared = this.#shapes.has(name);
    const shape = this.#shapes.get(name);
    this.#shapes.delete(name);
    this.#shapes.set(name, shape);
    if (isPrepared) return { name, shape };
    // After a failure nobody knows whether Postgres still has it: closing what is not there is no error.
    this.#connection.close({ type: "S", name }, true);
    this.#connection.parse({ name, text, types: [] }, true);
    return { name, shape };
  }

  /** Postgres refuses to let the shape change. */
  learn(text: string, shape: RowShape | null): void {
    const name = nameOf(text);
    if (this.#shapes.has(name)) this.#shapes.set(name, shape);
  }

  /** For what failed, or was not even read: it is prepared again when it is sent next. */
  forget(text: string): void {
    this.#shapes.delete(nameOf(text));
  }
}

const ofConnections = new WeakMap<Connection, PreparedStatements>();

/** For a connection that leads to one session. */
export function letPrepare(connection: Connection): void {
  ofConnections.set(connection, new PreparedStatements(connection));
}

/** Undefined where nothing may be prepared. */
export function preparedStatements(connection: Connection): PreparedStatements | undefined {
  return ofConnections.get(connection);
}

const names = new Map<string, string>();
/** More than there are statements in the code; those that are made for their number of values come and go. */
const MAX_NAMES = 2_000;

/** Postgres takes up to 63 bytes. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size === MAX_NAMES) names.clear();
  const name = hash("sha256", text, "base64url");
  names.set(text, name);
  return name;
}
