/** One line that says what is wrong with starting the embedded Postgres; what lies behind it is the cause. */
export class PostgresStartError extends Error {
  override readonly name = "PostgresStartError";
}
