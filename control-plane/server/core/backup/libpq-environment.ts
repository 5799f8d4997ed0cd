/**
 * A postgres:// URL as the variables that Postgres' own programs read. On a command line every user of the machine would
 * see its password.
 */

import { postgresUrls } from "@remotegpu/shared/settings/postgres-urls";

/** Parameters of such a URL that have a variable of their own. */
const VARIABLES = new Map([
  ["host", "PGHOST"],
  ["port", "PGPORT"],
  ["sslmode", "PGSSLMODE"],
  ["sslrootcert", "PGSSLROOTCERT"],
  ["sslcert", "PGSSLCERT"],
  ["sslkey", "PGSSLKEY"],
]);

/** Of several hosts libpq tries each for so long until one takes changes. */
const OF_SEVERAL: [string, string][] = [
  ["PGTARGETSESSIONATTRS", "read-write"],
  ["PGCONNECT_TIMEOUT", "5"],
];

export function libpqEnvironment(url: string): Record<string, string> {
  const urls = postgresUrls(url).map((one) => new URL(one));
  const [{ username, password, pathname, searchParams } = new URL(url)] = urls;
  const ports = urls.map(({ port }) => port);
  const given: [string, string][] = [
    ["PGHOST", urls.map(({ hostname }) => hostname.replaceAll(/^\[|\]$/g, "")).join(",")],
    ["PGPORT", ports.every((port) => port === "") ? "" : ports.join(",")],
    ...(urls.length > 1 ? OF_SEVERAL : []),
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
