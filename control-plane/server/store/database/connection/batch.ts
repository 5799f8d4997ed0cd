/**
 * Statements that go to Postgres together and come back together: one way there and back, and one moment at which both
 * sides have to wake, for all of them. Each is answered as if it had been asked alone; after one that failed, none of
 * those behind it is done. Speaks the driver's own protocol, as copy-in.ts does, and not by its pipeline mode, which sends
 * each by itself and takes no COPY; knows no table.
 */
import type { Connection, FieldDef, QueryResultRow, Submittable } from "pg";
import { preparedValue, type RowShape, rowShape } from "./driver-internals.ts";
import { type PreparedStatements, preparedStatements } from "./prepared-statements.ts";
import type { Statement } from "./statement-in-role.ts";

export interface Answer {
  rows: QueryResultRow[];
  rowCount: number;
}

/** How many rows a statement changed or answered stands last in the words that end it. */
const COUNT = / (\d+)$/;

/** One of them, on its way. */
export class BatchPart {
  readonly statement: Statement;
  readonly answer: Promise<Answer>;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  readonly #values: unknown[];
  readonly #rows: QueryResultRow[] = [];
  #rowCount = 0;
  #shape: RowShape | null = null;
  /** A value that came and that nobody can hold. */
  #unreadable: unknown = null;

  constructor(statement: Statement) {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.statement = statement;
    this.answer = promise;
    this.resolve = resolve;
    this.reject = reject;
    this.#values = (statement.values ?? []).map((value) => preparedValue(value));
  }

  send(connection: Connection, prepared: PreparedStatements | undefined): void {
    const { text } = this.statement;
    const { name, shape } = prepared?.prepare(text) ?? { name: "", shape: undefined };
    if (prepared === undefined) connection.parse({ name, text, types: [] }, true);
    connection.bind({ portal: "", statement: name, binary: "", values: this.#values } as never, true);
    if (shape === undefined) connection.describe({ type: "P", name: "" }, true);
    else this.#shape = shape;
    connection.execute({ portal: "", rows: "" }, true);
  }

  /** The shape of what a description contains. */
  shape(fields: readonly FieldDef[]): void {
    this.#shape = rowShape(fields);
  }

  row(fields: readonly (string | null)[]): void {
    if (this.#unreadable !== null || this.#shape === null) return;
    try {
      this.#rows.push(this.#shape.parseRow(fields));
    } catch (error) {
      this.#unreadable = error;
    }
  }

  complete(words: string, prepared: PreparedStatements | undefined): void {
    this.#rowCount = Number(COUNT.exec(words)?.[1] ?? 0);
    prepared?.learn(this.statement.text, this.#shape);
  }

  finish(): void {
    if (this.#unreadable !== null) this.reject(this.#unreadable);
    else this.resolve({ rows: this.#rows, rowCount: this.#rowCount });
  }
}

export class Batch implements Submittable {
  /** Read by the driver, which sets the second to end what it has begun for the first. */
  readonly query_timeout: number;
  callback: (error?: unknown) => void = () => undefined;
  readonly parts: readonly BatchPart[];
  readonly prepares: boolean;
  readonly done: (failure: unknown) => void;
  #prepared: PreparedStatements | undefined;
  #under = 0;
  #isSettled = false;

  /**
   * @param prepares false where what is prepared was found to be stale
   * @param done called once, with what failed or null
   */
  constructor(
    parts: readonly BatchPart[],
    { prepares, done }: { prepares: boolean; done: (failure: unknown) => void },
  ) {
    this.parts = parts;
    this.prepares = prepares;
    this.query_timeout = parts.reduce((sum, { statement }) => sum + statement.timeoutMs, 0);
    this.done = done;
  }

  submit(connection: Connection): void {
    this.#prepared = this.prepares ? preparedStatements(connection) : undefined;
    connection.stream.cork();
    try {
      this.#prepared?.makeRoomFor(this.parts.map(({ statement }) => statement.text));
      for (const part of this.parts) part.send(connection, this.#prepared);
      connection.sync();
    } finally {
      connection.stream.uncork();
    }
  }

  handleRowDescription({ fields }: { fields: readonly FieldDef[] }): void {
    this.parts[this.#under]?.shape(fields);
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    this.parts[this.#under]?.row(fields);
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.parts[this.#under]?.complete(text, this.#prepared);
    this.#under += 1;
  }

  handleEmptyQuery(): void {
    this.#under += 1;
  }

  handleError(error: unknown): void {
    if (this.#isSettled) return;
    // Postgres has not even read those behind the one that failed.
    for (const { statement } of this.parts.slice(this.#under)) this.#prepared?.forget(statement.text);
    this.#settle(error);
  }

  handleReadyForQuery(): void {
    if (!this.#isSettled) this.#settle(null);
  }

  #settle(failure: unknown): void {
    this.#isSettled = true;
    for (const [index, part] of this.parts.entries())
      if (failure === null || index < this.#under) part.finish();
      else part.reject(failure);
    this.callback(failure ?? undefined);
    this.done(failure);
  }
}
