/** The form of links by which people come in at an origin, for whoever makes them and for whoever takes them. */

const LINK_PATH = "/.remotegpu/enter";
const LINK_PARAMETER = "ticket";
const TOKEN = /^[A-Za-z0-9_-]{43}$/;

/** What a link carries; null where the path is no link's, "" where it carries nothing that one could. */
export function ticketOf(url: string): string | null {
  const [path, query = ""] = url.split("?");
  if (path !== LINK_PATH) return null;
  const prefix = `${LINK_PARAMETER}=`;
  const ticket = query.startsWith(prefix) ? query.slice(prefix.length) : "";
  return TOKEN.test(ticket) ? ticket : "";
}

export const LINK_SECONDS = 60;
/** The links of one environment at once: somebody in a loop must not fill the table. */
export const MAX_OPEN_LINKS = 50;
export const MAX_SHARE_HOURS = 30 * 24;
export const MAX_OPEN_SHARES = 50;

export function linkUrl(origin: string, token: string): string {
  return `${origin}${LINK_PATH}?${LINK_PARAMETER}=${token}`;
}
