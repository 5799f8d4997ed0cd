/** One line that says why a database is not brought up to date, or that it is not. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}
