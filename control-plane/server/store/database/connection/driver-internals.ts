/**
 * The driver's private parts on which batches, prepared statements and COPY stand: its types tell nothing of them, and
 * its releases may change them without a word. All of them are read here and nowhere else, its version is pinned
 * exactly, and driver-internals.test.ts holds them against the driver that is installed.
 */
import pg, {
  type Client,
  type ClientBase,
  type Connection,
  type FieldDef,
  type QueryResultRow,
  Result,
} from "pg";
import { columnTypes } from "../values/column-types.ts";

/** Makes rows of what Postgres answers. */
export interface RowShape {
  addFields(fields: readonly FieldDef[]): void;
  parseRow(fields: readonly (string | null)[]): QueryResultRow;
}

/** The part of a connection that sends the rows of a COPY. */
export interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

interface Driver {
  utils: { prepareValue: (value: unknown) => unknown };
}

type ClientInternals = ClientBase & { connection: Connection; processID?: number };

const DriversResult = Result as unknown as new (rowMode: string, types: typeof columnTypes) => RowShape;

/** A parameter as the driver sends it: text, bytes or null. */
export function preparedValue(value: unknown): unknown {
  return (pg as unknown as Driver).utils.prepareValue(value);
}

/** A shape whose rows are objects, with columns read as this store reads them. */
export function rowShape(fields: readonly FieldDef[]): RowShape {
  const shape = new DriversResult("", columnTypes);
  shape.addFields(fields);
  return shape;
}

/** The connection over which a client speaks Postgres' protocol. */
export function connectionOf(client: ClientBase): Connection {
  return (client as ClientInternals).connection;
}

/** The session that greeted the client; undefined before it has connected. */
export function sessionOf(client: ClientBase): number | undefined {
  return (client as ClientInternals).processID;
}

/** The server that a client is connected to. */
export function hostOf(client: ClientBase): { host: string; port: number } {
  const { host, port } = client as Client;
  return { host, port };
}
