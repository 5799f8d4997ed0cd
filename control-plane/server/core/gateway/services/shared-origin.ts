/**
 * The origin that services share where they lie below paths: there pages of one customer would read what another's kept in
 * the browser, ask with it, and speak for it. So whatever is answered there is sandboxed into an origin of its own that
 * nobody else has, and nothing is passed on that a browser keeps for the whole origin. Knows no service.
 */
import type { HeaderMap } from "../forwarded-headers.ts";

/**
 * Without `allow-same-origin`, which is the point of it. Popups come free of it, since they are as sandboxed by their own
 * answer if they lie here, and pages of elsewhere must not be.
 */
export const SANDBOX =
  "sandbox allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox allow-scripts";

const BELOW_SERVICES = /^\/services(?=[/?]|$)/;

/** Whether a path at the gateway's own origin belongs to services. */
export function isBelowServices(path: string): boolean {
  return BELOW_SERVICES.test(path);
}

/**
 * A browser asks for a service worker's script, past the worker itself: to register it, which no page here can, or to see
 * whether one that was registered here before answers were sandboxed has changed.
 */
export function isForWorker(headers: HeaderMap): boolean {
  return headers["service-worker"] === "script";
}

/** The browser lets go of workers, what they stored and what pages here stored; nobody may store anything here now. */
export const WITHOUT_WORKERS = { "Clear-Site-Data": '"cache", "storage"' };

/**
 * What a browser takes for all of an origin, or of its host, whichever page says it: cookies; who may work for all paths;
 * that its storage is thrown away; that it is reached by TLS alone; where its errors, with their addresses, are sent; what
 * it is told of the browser; who is signed in; dictionaries for others' answers; and for which name and password it asks,
 * which it then sends to whatever asks likewise.
 */
const OF_AN_ORIGIN: ReadonlySet<string> = new Set([
  "set-cookie",
  "set-cookie2",
  "service-worker-allowed",
  "clear-site-data",
  "strict-transport-security",
  "public-key-pins",
  "expect-ct",
  "nel",
  "report-to",
  "accept-ch",
  "set-login",
  "use-as-dictionary",
  "www-authenticate",
]);

const CSP = "content-security-policy";
/** Other bytes are of no policy, and a browser might drop the whole header for them, ours with it. */
const PLAIN = /^[\t\x20-\x7e]*$/;
/** Parts have headers of their own, by which a browser may keep cookies. */
const OF_PARTS = /^\s*multipart\/x-mixed-replace\b/i;

/**
 * A policy of the replica's own stays and is enforced besides, which can only forbid more. It stands behind ours, in a
 * header of its own: whoever joins them joins them by a comma, before which nothing can change what stood there.
 * @param byBrowser a browser asks, whatever for
 */
export function headersAtSharedOrigin(reported: HeaderMap, { byBrowser }: { byBrowser: boolean }): HeaderMap {
  const stored: HeaderMap = {};
  for (const [name, value] of Object.entries(reported)) if (!OF_AN_ORIGIN.has(name)) stored[name] = value;
  const own = [stored[CSP] ?? []].flat().filter((policy) => PLAIN.test(policy));
  stored[CSP] = own.length === 0 ? SANDBOX : [SANDBOX, ...own];
  if (byBrowser && OF_PARTS.test(String(stored["content-type"])))
    stored["content-type"] = "application/octet-stream";
  return stored;
}
