/**
 * What the claims of a login say: which rights it has, and what an account that is made for it is called. Claims come from
 * the operator's provider, whose people may have chosen some of them (names, addresses), so no claim finds an account, and
 * none makes an administrator but the one that the operator named.
 */

export type Claims = Readonly<Record<string, unknown>>;

/** `groups=remotegpu-admins`: who has that value in that claim administers. */
export interface AdminClaim {
  name: string;
  value: string;
}

/** Null where it is no claim and value. */
export function parseAdminClaim(text: string): AdminClaim | null {
  const [, name = "", value = ""] = /^([^\s=]{1,128})=(\S(?:.{0,254}\S)?)$/.exec(text) ?? [];
  return name === "" || value === "" ? null : { name, value };
}

/** In place of the account's type; null: that one holds. */
export type LoginRole = "admin" | "customer";

/**
 * With a claim named by the operator, the claim decides: a login that it does not name administers nothing, whatever its
 * account is. An administrator's own account needs no role besides, so that what it makes may last.
 */
export function loginRole(
  claims: Claims,
  { adminClaim, isAdminAccount }: { adminClaim: AdminClaim | null; isAdminAccount: boolean },
): LoginRole | null {
  if (adminClaim === null) return null;
  if (!hasValue(claims, adminClaim)) return "customer";
  return isAdminAccount ? null : "admin";
}

/** Whole and exact: neither a part of a text nor another spelling. */
function hasValue(claims: Claims, { name, value }: AdminClaim): boolean {
  const claim = claimAt(claims, name);
  return Array.isArray(claim) ? claim.includes(value) : claim === value;
}

/** By its whole name, which may have dots of its own (`https://example.com/roles`), else as a path (`realm_access.roles`). */
function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name.split(".").reduce<unknown>((found, part) => memberOf(found, part), claims);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Claims)[name]
    : undefined;
}

export interface NamingClaims {
  usernameClaim: string;
  emailClaim: string;
}

export interface LoginProfile {
  /** As accounts may be called; null where the claim has nothing to make one of. */
  username: string | null;
  /** Null unless the provider says that it is theirs. */
  email: string | null;
  displayName: string | null;
}

const MAX_USERNAME = 64;
const MAX_EMAIL = 128;
const MAX_DISPLAY_NAME = 128;

/** For an account that is made at the first login. */
export function loginProfile(claims: Claims, { usernameClaim, emailClaim }: NamingClaims): LoginProfile {
  const email = textOf(claimAt(claims, emailClaim));
  const isTheirs = claims["email_verified"] === true && /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email);
  return {
    username: usernameFrom(textOf(claimAt(claims, usernameClaim))),
    email: isTheirs && email.length <= MAX_EMAIL ? email : null,
    displayName: textOf(claims["name"]).replaceAll(/\p{C}/gu, "").slice(0, MAX_DISPLAY_NAME) || null,
  };
}

function textOf(claim: unknown): string {
  return typeof claim === "string" ? claim.trim() : "";
}

/** Of an address the part before the @. */
function usernameFrom(text: string): string | null {
  const [local = ""] = text.split("@");
  const name = local.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
  return name === "" ? null : name.slice(0, MAX_USERNAME);
}

/** Whether the subject of a token can be stored and shown: OpenID Connect allows 255 characters of ASCII. */
export function isSubject(subject: string): boolean {
  return /^[\x20-\x7e]{1,255}$/.test(subject);
}
