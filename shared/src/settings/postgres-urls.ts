/**
 * postgres:// URLs with one host or several, as libpq and psql take them: `postgres://user:password@db1:5432,db2/name`.
 * User, password, database and parameters are the same for all.
 */

const PARTS = /^(?<scheme>postgres(?:ql)?:\/\/)(?<user>[^/?#]*@)?(?<hosts>[^/?#@]*)(?<rest>[/?#].*)?$/s;
const MAX_POSTGRES_HOSTS = 8;

/** One URL for each host, in their order; one with a single host as it is. */
export function postgresUrls(url: string): [string, ...string[]] {
  const { scheme = "", user = "", hosts = "", rest = "" } = PARTS.exec(url)?.groups ?? {};
  const [first = "", ...others] = hosts.split(",");
  if (others.length === 0) return [url];
  const urlOf = (host: string) => `${scheme}${user}${host}${rest}`;
  return [urlOf(first), ...others.map(urlOf)];
}

/** Each host with its port, as it was given: for messages, which never have the password. */
export function postgresPlaces(url: string): string[] {
  return postgresUrls(url).map(placeOf);
}

/** What is wrong with several hosts; null where nothing is, and of a URL with one host. */
export function postgresHostsFault(url: string): string | null {
  if (/[?&]host=[^&]*(,|%2c)/i.test(url)) return "must name several hosts before the path, not in ?host=";
  const urls = postgresUrls(url);
  if (urls.length === 1) return null;
  if (urls.length > MAX_POSTGRES_HOSTS) return `must name at most ${MAX_POSTGRES_HOSTS} hosts`;
  if (/[?&](host|port)=/i.test(url))
    return "must name several hosts before the path, without ?host= or ?port=";
  const isEach = urls.every((one) => URL.canParse(one) && new URL(one).hostname !== "");
  if (!isEach) return "must have a host, or HOST:PORT, between each two commas";
  return new Set(postgresPlaces(url)).size === urls.length ? null : "must name each host once";
}

function placeOf(url: string): string {
  if (!URL.canParse(url)) return "an address that is not a URL";
  const { host, searchParams } = new URL(url);
  return host === "" ? (searchParams.get("host") ?? "localhost") : host;
}
