/** What the store throws where Postgres failed, and what its code says. */
import { postgresPlaces } from "@remotegpu/shared/settings/postgres-urls";
import { DatabaseError, type Pool, type PoolConfig } from "pg";
import { StandbyMissingError } from "./confirmation.ts";
import { NoPrimaryError } from "./connection/primary-watch.ts";

const SERIALIZATION_FAILURE = "40001";
const DEADLOCK_DETECTED = "40P01";
const UNIQUE_VIOLATION = "23505";

/** Postgres refused, or could not be reached. `code` is the SQLSTATE, or the system's word (ECONNREFUSED). */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: string | undefined;
  readonly constraint: string | undefined;

  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.code = textField(cause, "code");
    this.constraint = textField(cause, "constraint");
  }
}

/** True for a violated unique constraint or index, of that name where one is given. */
export function isUniqueViolation(error: unknown, constraint?: string): error is StoreError {
  return (
    error instanceof StoreError &&
    error.code === UNIQUE_VIOLATION &&
    (constraint === undefined || error.constraint === constraint)
  );
}

/**
 * True where Postgres itself said that the statement, or the commit, failed. Where it said nothing, or that it was being
 * shut down, the work may be done all the same.
 */
export function isUndone(error: unknown): boolean {
  if (error instanceof StandbyMissingError) return true;
  const code = error instanceof StoreError ? (error.code ?? "") : "";
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P|58|XX)/.test(code);
}

/** The whole transaction may be run again. */
export function hasLostRace(error: unknown): boolean {
  return (
    error instanceof StoreError && (error.code === SERIALIZATION_FAILURE || error.code === DEADLOCK_DETECTED)
  );
}

/** @param pool of a request that stands alone, whose place the message names */
export function asStoreError(cause: unknown, pool: Pool | undefined): unknown {
  if (cause instanceof StoreError) return cause;
  if (cause instanceof DatabaseError) return new StoreError(cause.message, cause);
  // A value that does not fit a column type or cannot be sent is our bug, not Postgres' failure.
  if (cause instanceof RangeError || cause instanceof TypeError) return cause;
  if (cause instanceof NoPrimaryError) return new StoreError(cause.message, cause);
  const where = pool === undefined ? "Postgres" : `Postgres at ${placeOf(pool.options)}`;
  const why = textField(cause, "code") ?? (cause instanceof Error ? cause.message : String(cause));
  return new StoreError(`cannot reach ${where}: ${why}`, cause);
}

/** Hosts and ports for a message, never the password. */
function placeOf({ connectionString = "" }: PoolConfig): string {
  return postgresPlaces(connectionString).join(", ");
}

function textField(value: unknown, name: "code" | "constraint"): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field = (value as Partial<Record<typeof name, unknown>>)[name];
  return typeof field === "string" ? field : undefined;
}
