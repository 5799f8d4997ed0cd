/**
 * Sessions of browsers: the cookie that carries one, how long it lives, and which page may ask for changes by it. It knows
 * no secret; what a session opens is what its key opens (key-scopes.ts).
 */

/** A name with __Host- is refused by browsers for anything but this one host, over TLS. */
export const sessionCookieName = (isSecure: boolean) =>
  isSecure ? "__Host-remotegpu_session" : "remotegpu_session";

/**
 * Where the dashboard is opened: cookies know no ports, so on a loopback address it goes by a name of its own, apart from
 * gateways and ports of environments there.
 */
export function dashboardAddress(publicUrl: string): string {
  return publicUrl.replace(/^(https?:\/\/)(?:127\.0\.0\.1|\[::1\])(?=[:/]|$)/, "$1localhost");
}

export const SESSION_HOURS = 12;
const MS_PER_HOUR = 3_600_000;

/** Never longer than its key. */
export function sessionEnd(now: Date, keyExpiresAt: Date | null): Date {
  const end = now.getTime() + SESSION_HOURS * MS_PER_HOUR;
  return new Date(Math.min(end, keyExpiresAt?.getTime() ?? end));
}

/** As a browser is to keep it; an empty value takes it away. */
export function sessionCookie(
  value: string,
  { isSecure, maxAgeSeconds }: { isSecure: boolean; maxAgeSeconds: number },
): string {
  const secure = isSecure ? "; Secure" : "";
  const maxAge = Math.max(0, Math.floor(maxAgeSeconds));
  return `${sessionCookieName(isSecure)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${secure}`;
}

/** The values of a cookie in a Cookie header: a page of another origin may have put one of that name beside ours. */
export function cookieValues(header: string, name: string): string[] {
  return header.split(";").flatMap((pair) => {
    const at = pair.indexOf("=");
    return at > 0 && pair.slice(0, at).trim() === name ? [pair.slice(at + 1).trim()] : [];
  });
}

export interface RequestingPage {
  /** The headers Origin and Sec-Fetch-Site, which no page sets itself. */
  origin: string | undefined;
  fetchSite: string | undefined;
}

/** Whether a page of ours asks, by any of the origins that are ours. A browser names the page's origin with every change. */
export function isOwnPage({ origin, fetchSite }: RequestingPage, ownOrigins: readonly string[]): boolean {
  return origin === undefined ? fetchSite === "same-origin" : ownOrigins.includes(origin);
}
