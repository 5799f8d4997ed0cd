/**
 * A postgres:// URL as the variables that Postgres' own programs read. On a command line every user of the machine would
 * see its password.
 */

/** Parameters of such a URL that have a variable of their own. */
const VARIABLES = new Map([
  ["host", "PGHOST"],
  ["port", "PGPORT"],
  ["sslmode", "PGSSLMODE"],
  ["sslrootcert", "PGSSLROOTCERT"],
  ["sslcert", "PGSSLCERT"],
  ["sslkey", "PGSSLKEY"],
]);

export function libpqEnvironment(url: string): Record<string, string> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(url);
  const given: [string, string][] = [
    ["PGHOST", hostname.replaceAll(/^\[|\]$/g, "")],
    ["PGPORT", port],
    ["PGUSER", decodeURIComponent(username)],
    ["PGPASSWORD", decodeURIComponent(password)],
    ["PGDATABASE", decodeURIComponent(pathname.slice(1))],
  ];
  for (const [name, value] of searchParams) {
    const variable = VARIABLES.get(name);
    if (variable !== undefined) given.push([variable, value]);
  }
  return Object.fromEntries(given.filter(([, value]) => value !== ""));
}
