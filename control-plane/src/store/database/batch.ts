/**
 * Statements that go to Postgres together and come back together: one way there and back, and one moment at which both
 * sides have to wake, for all of them. Each is answered as if it had been asked alone; after one that failed, none of
 * those behind it is done. Speaks the driver's own protocol, as copy-in.ts does, and not by its pipeline mode, which sends
 * each by itself and takes no COPY; knows no table.
 */
import pg, { type Connection, type FieldDef, type QueryResultRow, Result, type Submittable } from "pg";
import type { Statement } from "./statement-in-role.ts";
import { columnTypes } from "./values/column-types.ts";

export interface Answer {
  rows: QueryResultRow[];
  rowCount: number;
}

/** What the driver has beyond what its types tell. */
interface Driver {
  utils: { prepareValue: (value: unknown) => unknown };
}
interface PreparingConnection extends Connection {
  parsedStatements: Record<string, string>;
  submittedNamedStatements: Record<string, string>;
}
interface RowShape {
  addFields(fields: readonly FieldDef[]): void;
  parseRow(fields: readonly (string | null)[]): QueryResultRow;
}
const { prepareValue } = (pg as unknown as Driver).utils;
const DriversResult = Result as unknown as new (rowMode: string, types: typeof columnTypes) => RowShape;

/**
 * What the rows of a prepared statement look like, null for one without rows: Postgres refuses to let that change, so it
 * is asked once for each connection.
 */
const shapes = new WeakMap<Connection, Map<string, RowShape | null>>();

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
    this.#values = (statement.values ?? []).map((value) => prepareValue(value));
  }

  send(connection: PreparingConnection): void {
    const { name = "", text } = this.statement;
    if (name === "" || !isParsed(connection, name)) {
      connection.parse({ name, text, types: [] }, true);
      if (name !== "") connection.submittedNamedStatements[name] = text;
    }
    connection.bind({ portal: "", statement: name, binary: "", values: this.#values } as never, true);
    const known = shapesOf(connection).get(name);
    if (known === undefined) connection.describe({ type: "P", name: "" }, true);
    else this.#shape = known;
    connection.execute({ portal: "", rows: "" }, true);
  }

  /** Of what a description says. */
  shape(fields: readonly FieldDef[]): void {
    this.#shape = new DriversResult("", columnTypes);
    this.#shape.addFields(fields);
  }

  row(fields: readonly (string | null)[]): void {
    if (this.#unreadable !== null || this.#shape === null) return;
    try {
      this.#rows.push(this.#shape.parseRow(fields));
    } catch (error) {
      this.#unreadable = error;
    }
  }

  complete(words: string, connection: Connection): void {
    this.#rowCount = Number(COUNT.exec(words)?.[1] ?? 0);
    const { name } = this.statement;
    if (name !== undefined) shapesOf(connection).set(name, this.#shape);
  }

  finish(): void {
    if (this.#unreadable !== null) this.reject(this.#unreadable);
    else this.resolve({ rows: this.#rows, rowCount: this.#rowCount });
  }
}

function isParsed(
  { parsedStatements, submittedNamedStatements }: PreparingConnection,
  name: string,
): boolean {
  return parsedStatements[name] !== undefined || submittedNamedStatements[name] !== undefined;
}

function shapesOf(connection: Connection): Map<string, RowShape | null> {
  const known = shapes.get(connection) ?? new Map<string, RowShape | null>();
  shapes.set(connection, known);
  return known;
}

export class Batch implements Submittable {
  /** Read by the driver, which sets the second to end what it has begun for the first. */
  readonly query_timeout: number;
  callback: (error?: unknown) => void = () => undefined;
  readonly parts: readonly BatchPart[];
  readonly done: (failure: unknown) => void;
  #under = 0;
  #isSettled = false;

  /** @param done called once, with what failed or null */
  constructor(parts: readonly BatchPart[], done: (failure: unknown) => void) {
    this.parts = parts;
    this.query_timeout = parts.reduce((sum, { statement }) => sum + statement.timeoutMs, 0);
    this.done = done;
  }

  /** Of the statement that is being answered: the driver remembers by them what is prepared. */
  get name(): string | undefined {
    return this.parts[this.#under]?.statement.name;
  }
  get text(): string | undefined {
    return this.parts[this.#under]?.statement.text;
  }

  submit(connection: Connection): void {
    connection.stream.cork();
    try {
      for (const part of this.parts) part.send(connection as PreparingConnection);
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

  handleCommandComplete({ text }: { text: string }, connection: Connection): void {
    this.parts[this.#under]?.complete(text, connection);
    this.#under += 1;
  }

  handleEmptyQuery(): void {
    this.#under += 1;
  }

  handleError(error: unknown, connection: Connection): void {
    if (this.#isSettled) return;
    const { submittedNamedStatements } = connection as PreparingConnection;
    // Postgres has not even read them.
    for (const { statement } of this.parts.slice(this.#under))
      if (statement.name !== undefined) delete submittedNamedStatements[statement.name];
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
