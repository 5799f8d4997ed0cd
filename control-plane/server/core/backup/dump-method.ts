/**
 * By what a database is dumped. `pg_dump` refuses a server of a later major version than its own, and where it is missing
 * or refuses, the tables are copied by the server's own COPY.
 */

export type DumpMethod =
  | { kind: "pg_dump"; version: string }
  /** `reason` is a clause that says what is the matter with `pg_dump`. */
  | { kind: "copy"; reason: string };

/**
 * @param serverVersion as `SHOW server_version` answers it
 * @param pgDump what `pg_dump --version` prints; null where there is no such program
 */
export function dumpMethod(serverVersion: string, pgDump: string | null): DumpMethod {
  if (pgDump === null) return { kind: "copy", reason: "pg_dump is not installed" };
  const version = /\d+(\.\d+)*/.exec(pgDump)?.[0];
  if (version === undefined) return { kind: "copy", reason: "pg_dump does not print its version" };
  if (majorOf(version) < majorOf(serverVersion))
    return { kind: "copy", reason: `pg_dump ${version} is older than Postgres ${serverVersion}` };
  return { kind: "pg_dump", version };
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
