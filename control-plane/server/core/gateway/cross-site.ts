/**
 * Requests that another page has a browser send with our cookie. All customers' origins lie below one domain, so for a
 * browser they are one site, and SameSite alone keeps none of them from another.
 */
import type { HeaderMap } from "./forwarded-headers.ts";

const HARMLESS = new Set(["GET", "HEAD"]);

/** Whether a request that came in by the cookie is forged. */
export function isForged(method: string, headers: HeaderMap, ownOrigin: string): boolean {
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest } = headers;
  if (typeof origin === "string" && origin !== ownOrigin && !HARMLESS.has(method)) return true;
  if (site !== "cross-site" && site !== "same-site") return false;
  // Whoever follows a link to the page comes in; nobody frames it, reads from it or sends to it.
  return !(HARMLESS.has(method) && mode === "navigate" && dest === "document");
}

/** A WebSocket comes from the origin's own page; a program that names none must show a key. */
export function isForeignSocket(
  headers: HeaderMap,
  ownOrigin: string,
  by: "cookie" | "key" | "share",
): boolean {
  const { origin } = headers;
  return typeof origin === "string" ? origin !== ownOrigin : by === "cookie";
}
