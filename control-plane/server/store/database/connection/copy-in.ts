/**
 * COPY … FROM STDIN: the cheapest way of many rows into a table. Its lines go out in pieces, so that Postgres is at work
 * on the first while the next are made. Speaks the driver's own protocol for what it calls a submittable, as its add-ons
 * do; knows no table.
 */
import type { Connection, Submittable } from "pg";
import type { CopyConnection } from "./driver-internals.ts";

/** What COPY's text format reads as NULL. */
const NULL = "\\N";
const SPECIAL = /[\\\t\n\r]/;
const EACH_SPECIAL = new RegExp(SPECIAL, "g");
const ESCAPED: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** A row of COPY's text format, its end included. */
export function copyLine(values: readonly (string | number | boolean | null)[]): string {
  let line = "";
  let separator = "";
  for (const value of values) {
    line += separator + copyValue(value);
    separator = "\t";
  }
  return `${line}\n`;
}

function copyValue(value: string | number | boolean | null): string {
  if (value === null) return NULL;
  if (typeof value !== "string") return String(value);
  return SPECIAL.test(value) ? value.replace(EACH_SPECIAL, (one) => ESCAPED[one] ?? one) : value;
}

export class CopyIn implements Submittable {
  /** The statement, for whoever watches. */
  readonly text: string;
  /** Settles when Postgres has taken the rows, or refused them. */
  readonly done: Promise<void>;
  readonly #pieces: Iterable<string>;
  readonly #settle: { resolve: () => void; reject: (error: Error) => void };

  constructor(text: string, pieces: Iterable<string>) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.text = text;
    this.#pieces = pieces;
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  submit(connection: Connection): void {
    connection.query(this.text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (const piece of this.#pieces) connection.sendCopyFromChunk(Buffer.from(piece));
    connection.endCopyFrom();
  }

  handleError(error: Error): void {
    this.#settle.reject(error);
  }

  handleCommandComplete(): void {
    // The rows are taken; the connection is free for the next statement only at the message after this.
  }

  handleReadyForQuery(): void {
    this.#settle.resolve();
  }
}
