/**
 * What a browser holds of a login between its start and the provider's answer: a cookie, sealed, for a few minutes. It is
 * Lax, since the answer comes from the provider's site.
 */
import { cookieValues } from "../accounts/session-cookie.ts";

const LOGIN_MINUTES = 10;
const SECONDS_PER_MINUTE = 60;
const MS_PER_MINUTE = 60_000;

export interface LoginState {
  state: string;
  nonce: string;
  /** Of PKCE. */
  verifier: string;
  /** A path of the dashboard. */
  returnTo: string;
  expiresMs: number;
}

export function loginEnd(now: Date): number {
  return now.getTime() + LOGIN_MINUTES * MS_PER_MINUTE;
}

/** A name with __Host- can be set by no other host, or a neighbour could have somebody finish a login of its own. */
const loginCookieName = (isSecure: boolean) => (isSecure ? "__Host-remotegpu_login" : "remotegpu_login");

/** Empty: it is taken away. */
export function loginCookie(value: string, isSecure: boolean): string {
  const secure = isSecure ? "; Secure" : "";
  const maxAge = value === "" ? 0 : LOGIN_MINUTES * SECONDS_PER_MINUTE;
  return `${loginCookieName(isSecure)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}`;
}

/** Null where there is none, or several: one of them somebody else has planted. */
export function presentedLogin(header: string, isSecure: boolean): string | null {
  const [value, ...others] = cookieValues(header, loginCookieName(isSecure));
  return value === undefined || others.length > 0 ? null : value;
}

export type LoginFault = "sign-on-state-missing" | "sign-on-state-mismatch" | "sign-on-state-expired";

/** Why the provider's answer is not that of the login which this browser began; null where it is. */
export function loginFault(
  held: LoginState | null,
  { state, now }: { state: string | null; now: Date },
): LoginFault | null {
  if (held === null) return "sign-on-state-missing";
  if (state !== held.state) return "sign-on-state-mismatch";
  return held.expiresMs <= now.getTime() ? "sign-on-state-expired" : null;
}

const MAX_RETURN_PATH = 1000;

/** A path of this site to go on at; "/" in place of whatever may lead to another. */
export function returnPath(text: string | undefined): string {
  if (text === undefined || text.length > MAX_RETURN_PATH) return "/";
  // Browsers take a backslash for a slash, and drop line breaks and tabs.
  const isOwn = /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text);
  return isOwn && !text.startsWith("/api/") ? text : "/";
}
