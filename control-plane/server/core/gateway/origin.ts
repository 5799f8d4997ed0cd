/**
 * Names of origins: each service or port of each environment has one of its own below the operator's domain, so that no
 * page of one reaches another. Made here and read here; which environment a name stands for is asked of the store.
 */
import { sha256 } from "@remotegpu/shared/proof/row-hash";
import { targetOf, targetText, type WebTarget } from "../environments/web-target.ts";

export interface WebBase {
  scheme: "http" | "https";
  /** In lower case, with the port where it is not the scheme's own: "web.example.com", "localhost:8443". */
  domain: string;
}

const MAX_LABEL = 63;
const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const HASHED = /^x[0-9a-f]{20}$/;
const HASH_LENGTH = 20;
const DOMAIN = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9]\d{0,4})?$/;

/** Null for what is no domain. `hasCertificate`: the gateway itself speaks TLS. */
export function webBaseOf(text: string, { hasCertificate }: { hasCertificate: boolean }): WebBase | null {
  const domain = text.toLowerCase();
  if (!DOMAIN.test(domain) || domain.includes("..")) return null;
  const name = domain.replace(/:\d+$/, "");
  const isLocal = name === "localhost" || name.endsWith(".localhost");
  const scheme = isLocal && !hasCertificate ? "http" : "https";
  return { scheme, domain: withoutOwnPort(domain, scheme) };
}

/** As it stands in the database: an origin without a name in front. */
export function webBaseText({ scheme, domain }: WebBase): string {
  return `${scheme}://${domain}`;
}

const LOCALHOST = /^localhost(?=:|$)/;

/**
 * The gateway's own origin, below which services lie by their paths. Cookies know no ports: at "localhost" a page of a
 * service would share those of the dashboard of the same machine (accounts/session-cookie.ts), so it is the number there.
 */
export function ownOrigin(base: WebBase): string {
  return webBaseText({ ...base, domain: ownDomain(base) });
}

/** A certificate is of names. */
function ownDomain({ scheme, domain }: WebBase): string {
  return scheme === "http" ? domain.replace(LOCALHOST, "127.0.0.1") : domain;
}

/** Null for what does not stand there. */
export function webBaseFrom(text: string): WebBase | null {
  const [, scheme, domain] = /^(https?):\/\/([^/]+)$/.exec(text) ?? [];
  return domain === undefined ? null : { scheme: scheme === "http" ? "http" : "https", domain };
}

export function originOf(base: WebBase, environmentId: string, target: WebTarget): string {
  return `${base.scheme}://${labelOf(environmentId, target)}.${base.domain}`;
}

/** An id that cannot stand in a name stands there by its hash. */
function labelOf(environmentId: string, target: WebTarget): string {
  const plain = `${targetText(target)}-${environmentId}`;
  const isPlain = plain.length <= MAX_LABEL && LABEL.test(plain) && !HASHED.test(environmentId);
  return isPlain ? plain : `${targetText(target)}-x${sha256(environmentId).slice(0, HASH_LENGTH)}`;
}

export type NamedEnvironment = { id: string } | { hash: string };
export type RequestedHost =
  | { kind: "bare" }
  | { kind: "origin"; host: string; target: WebTarget; environment: NamedEnvironment };

/** What the Host of a request names; null for what is not ours. Without a base every host is bare. */
export function readHost(base: WebBase | null, host: string): RequestedHost | null {
  if (base === null) return { kind: "bare" };
  const requested = withoutOwnPort(host.toLowerCase(), base.scheme);
  if (requested === base.domain || requested === ownDomain(base)) return { kind: "bare" };
  if (!requested.endsWith(`.${base.domain}`)) return null;
  const label = requested.slice(0, -base.domain.length - 1);
  const [, name, id] = /^([a-z0-9]+)-(.+)$/.exec(label) ?? [];
  const target = name === undefined ? null : targetOf(name);
  if (target === null || id === undefined || label.length > MAX_LABEL || !LABEL.test(label)) return null;
  const environment = HASHED.test(id) ? { hash: id.slice(1) } : { id };
  return { kind: "origin", host: requested, target, environment };
}

function withoutOwnPort(host: string, scheme: WebBase["scheme"]): string {
  const own = scheme === "https" ? ":443" : ":80";
  return host.endsWith(own) ? host.slice(0, -own.length) : host;
}
