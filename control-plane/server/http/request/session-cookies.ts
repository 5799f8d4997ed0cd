/**
 * The session's cookie at the border: read from a request, set and taken back in an answer, and which page may ask for
 * changes by it. What it opens is looked up in authentication.ts.
 */
import {
  cookieValues,
  dashboardAddress,
  isOwnPage,
  sessionCookie,
  sessionCookieName,
} from "../../core/accounts/session-cookie.ts";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { ApiContext } from "../deps.ts";
import { ApiRefusal, forbidden } from "./refusal.ts";

const SESSION_VALUE = /^rgb_[A-Za-z0-9_-]{43}$/;

/** @throws ApiRefusal where there are several: one of them a page of another port or name has put beside ours */
export function presentedSession(c: ApiContext): string | null {
  const visible = visibleValues(c);
  if (visible.length > 1)
    throw new ApiRefusal("unauthenticated", "session-doubled", { entryRefusal: "session-doubled" });
  return onlyOf(visible);
}

/** What a new session takes the place of; of two nobody knows which that is. */
export function formerSession(c: ApiContext): string | null {
  return onlyOf(visibleValues(c));
}

function visibleValues(c: ApiContext): string[] {
  return cookieValues(c.req.header("Cookie") ?? "", sessionCookieName(isSecure(c)));
}

function onlyOf(values: readonly string[]): string | null {
  const [value] = values;
  return values.length === 1 && value !== undefined && SESSION_VALUE.test(value) ? value : null;
}

/** @throws ApiRefusal unless a page of ours asks: a browser adds the cookie to what any page asks for */
export function refuseOtherPages(c: ApiContext): void {
  const page = { origin: c.req.header("Origin"), fetchSite: c.req.header("Sec-Fetch-Site") };
  const { publicUrl } = c.var.deps.config;
  const ours = [c.req.url, publicUrl, dashboardAddress(publicUrl)].map((url) => new URL(url).origin);
  if (!isOwnPage(page, ours)) throw forbidden("other-origin");
}

export function setSession(
  c: ApiContext,
  value: string,
  { openedAt, expiresAt }: { openedAt: Date; expiresAt: Date },
): void {
  const maxAgeSeconds = (expiresAt.getTime() - openedAt.getTime()) / MS_PER_SECOND;
  c.header("Set-Cookie", sessionCookie(value, { isSecure: isSecure(c), maxAgeSeconds }));
}

export function clearSession(c: ApiContext): void {
  c.header("Set-Cookie", sessionCookie("", { isSecure: isSecure(c), maxAgeSeconds: 0 }));
}

export function isSecure(c: ApiContext): boolean {
  return c.var.deps.config.publicUrl.startsWith("https:");
}
