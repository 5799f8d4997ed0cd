/**
 * Headers between whoever asks a service and its replica: keys end here and their name goes on, each request has an id, and
 * pages of other origins may ask as the service's owner says. Several services share the origin of the paths: what
 * holds there is in shared-origin.ts, and no cookie is passed on.
 */
import {
  type Client,
  type HeaderMap,
  headersFromContainer,
  headersToContainer,
} from "../forwarded-headers.ts";
import { headersAtSharedOrigin } from "./shared-origin.ts";

/** The name of the key that was shown, for the replica. */
const KEY_NAME = "x-remotegpu-key";
const REQUEST_ID = "x-request-id";
const SOUND_ID = /^[\x21-\x7e]{1,128}$/;

/** The keys of a service and of the API; they differ in how they begin. */
const KEY = /^rg[ks]_[A-Za-z0-9_-]{43}$/;
const BEARER = /^Bearer +(\S+)$/i;

/** Null where none is shown; other credentials are the replica's. */
export function presentedServiceKey({ authorization, "x-api-key": apiKey }: HeaderMap): string | null {
  const bearer = typeof authorization === "string" ? BEARER.exec(authorization)?.[1] : undefined;
  for (const visible of [bearer, apiKey])
    if (typeof visible === "string" && KEY.test(visible)) return visible;
  return null;
}

/** As it came, unless it could be misread; else null. */
export function presentedRequestId(headers: HeaderMap): string | null {
  const { [REQUEST_ID]: id } = headers;
  return typeof id === "string" && SOUND_ID.test(id) ? id : null;
}

export interface Call {
  client: Client;
  requestId: string;
  /** Null where nobody asked for a key. */
  keyName: string | null;
  /** What was taken off the path; null below a name of the service's own. */
  prefix: string | null;
  /** A browser asks. */
  byBrowser: boolean;
}

/** As it says of itself: older ones, and those of an origin without TLS, name no destination of what they fetch. */
export function isByBrowser(headers: HeaderMap): boolean {
  return headers["sec-fetch-dest"] !== undefined || String(headers["user-agent"]).startsWith("Mozilla/");
}

export function headersToReplica(
  headers: HeaderMap,
  { client, requestId, keyName, prefix }: Call,
  { isUpgrade }: { isUpgrade: boolean },
): HeaderMap {
  const injected = {
    [REQUEST_ID]: requestId,
    ...(keyName !== null && { [KEY_NAME]: keyName }),
    ...(prefix !== null && { "x-forwarded-prefix": prefix }),
  };
  const { [KEY_NAME]: _claimed, ...rest } = headers;
  const sent = headersToContainer(rest, client, { isUpgrade, injected });
  if (prefix !== null) delete sent["cookie"];
  return sent;
}

const CORS = /^access-control-/;

export function headersFromReplica(
  headers: HeaderMap,
  { requestId, prefix, byBrowser }: Pick<Call, "requestId" | "prefix" | "byBrowser">,
  cors: HeaderMap | null,
): HeaderMap {
  const passed = headersFromContainer(headers);
  const reported = prefix === null ? passed : headersAtSharedOrigin(passed, { byBrowser });
  reported[REQUEST_ID] = requestId;
  if (cors === null) return reported;
  for (const name of Object.keys(reported)) if (CORS.test(name)) delete reported[name];
  const { vary } = reported;
  return { ...reported, ...cors, vary: vary === undefined ? "Origin" : `${String(vary)}, Origin` };
}

/** What an answer says to a page of another origin; null where that page may not ask, or no page does. */
export function corsHeaders(headers: HeaderMap, origins: readonly string[]): HeaderMap | null {
  const { origin } = headers;
  if (typeof origin !== "string" || !(origins.includes("*") || origins.includes(origin))) return null;
  return {
    "access-control-allow-origin": origins.includes("*") ? "*" : origin,
    "access-control-expose-headers": "*",
  };
}

const PREFLIGHT_SECONDS = "600";

/** The answer to a browser's preflight request, which presents no key; null where it is none. */
export function preflightHeaders(
  method: string,
  headers: HeaderMap,
  origins: readonly string[],
): HeaderMap | null {
  const wanted = headers["access-control-request-method"];
  const cors = corsHeaders(headers, origins);
  if (method !== "OPTIONS" || typeof wanted !== "string" || cors === null) return null;
  return {
    ...cors,
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    // "*" does not cover Authorization.
    "access-control-allow-headers": String(headers["access-control-request-headers"] ?? "Authorization, *"),
    "access-control-max-age": PREFLIGHT_SECONDS,
    vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
  };
}
