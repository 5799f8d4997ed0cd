/**
 * Which headers go on to a container, and which come back: hop-by-hop ones end here, what is the gateway's own (its cookie,
 * keys of the API) stays here, and who asked is said by the gateway alone.
 */
import { ofOwnOrigin, withoutOwnCookie } from "./entry-cookie.ts";

export type HeaderMap = Record<string, string | string[] | undefined>;

/** The headers of one connection, by RFC 9110, section 7.6.1, and those of old proxies. */
const HOP_BY_HOP = [
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "upgrade",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-authentication-info",
  "http2-settings",
];
/** Only the gateway says who asked, and by which name. Expect is answered here. */
const OWN_WORDS = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-forwarded-prefix",
  "x-forwarded-server",
  "x-forwarded-ssl",
  "x-original-url",
  "x-rewrite-url",
  "x-real-ip",
  "expect",
];

const API_KEY = /^rgk_[A-Za-z0-9_-]{43}$/;
const BEARER_KEY = /^Bearer +(rgk_[A-Za-z0-9_-]{43})$/i;

/** The key of the API that a program shows; its other credentials are the container's. */
export function presentedKey(headers: HeaderMap): string | null {
  const { authorization, "x-api-key": apiKey } = headers;
  const bearer = typeof authorization === "string" ? BEARER_KEY.exec(authorization)?.[1] : undefined;
  if (bearer !== undefined) return bearer;
  return typeof apiKey === "string" && API_KEY.test(apiKey) ? apiKey : null;
}

export interface Client {
  address: string;
  scheme: "http" | "https";
  host: string;
}

/** @param injected what the gateway itself adds for this service, over what the client sent */
export function headersToContainer(
  headers: HeaderMap,
  client: Client,
  { isUpgrade, injected }: { isUpgrade: boolean; injected: Readonly<Record<string, string>> },
): HeaderMap {
  const sent = withoutHopByHop(headers);
  for (const name of OWN_WORDS) delete sent[name];
  const { authorization, "x-api-key": apiKey, cookie } = sent;
  if (typeof authorization === "string" && /^Bearer +rg[ks]_/i.test(authorization)) delete sent.authorization;
  if (typeof apiKey === "string" && /^rg[ks]_/.test(apiKey)) delete sent["x-api-key"];
  if (typeof cookie === "string") {
    const stored = withoutOwnCookie(cookie);
    if (stored === null) delete sent.cookie;
    else sent.cookie = stored;
  }
  sent["x-forwarded-for"] = client.address;
  sent["x-forwarded-proto"] = client.scheme;
  sent["x-forwarded-host"] = client.host;
  if (isUpgrade) Object.assign(sent, { connection: "Upgrade", upgrade: "websocket" });
  for (const [name, value] of Object.entries(injected)) sent[name.toLowerCase()] = value;
  return sent;
}

/** Alt-Svc would lead the browser around the gateway. */
export function headersFromContainer(headers: HeaderMap): HeaderMap {
  const reported = withoutHopByHop(headers);
  delete reported["transfer-encoding"];
  delete reported["alt-svc"];
  const cookies = reported["set-cookie"];
  if (cookies !== undefined) {
    const stored = (typeof cookies === "string" ? [cookies] : cookies).flatMap(
      (one) => ofOwnOrigin(one) ?? [],
    );
    if (stored.length === 0) delete reported["set-cookie"];
    else reported["set-cookie"] = stored;
  }
  return reported;
}

/**
 * What RFC 9110, section 6.5.1, keeps out of trailers: the message's frame, where it goes, who asks, and how an answer is to
 * be taken. A container could say there what was taken out of its headers, to whoever puts both together.
 */
const NO_TRAILERS = [
  ...HOP_BY_HOP,
  ...OWN_WORDS,
  "transfer-encoding",
  "content-length",
  "content-encoding",
  "content-type",
  "content-range",
  "trailer",
  "host",
  "authorization",
  "x-api-key",
  "cookie",
  "set-cookie",
  "set-cookie2",
  "set-login",
  "age",
  "cache-control",
  "expires",
  "date",
  "location",
  "refresh",
  "retry-after",
  "vary",
  "warning",
  "link",
  "alt-svc",
  "www-authenticate",
  "authentication-info",
  "clear-site-data",
  "service-worker-allowed",
  "strict-transport-security",
  "referrer-policy",
  "permissions-policy",
  "content-disposition",
  "nel",
  "report-to",
  "reporting-endpoints",
  "accept-ch",
  "use-as-dictionary",
  "x-content-type-options",
  "x-frame-options",
  "x-request-id",
];
const NO_TRAILERS_OF = /^(?:access-control|content-security-policy|cross-origin|sec|x-remotegpu)(?:-|$)/;

/** Those of either side that go on; some programs take them for headers that came late. */
export function passedTrailers(trailers: Readonly<Record<string, string | string[] | undefined>>) {
  const stored = Object.entries(trailers).flatMap(([name, value]) =>
    value === undefined || isNoTrailer(name.toLowerCase()) ? [] : [[name, value] as const],
  );
  return stored.length === 0 ? null : Object.fromEntries(stored);
}

function isNoTrailer(name: string): boolean {
  return NO_TRAILERS.includes(name) || NO_TRAILERS_OF.test(name);
}

/** Transfer-Encoding stays: whoever sends on writes the body by it. */
function withoutHopByHop(headers: HeaderMap): HeaderMap {
  const stored = { ...headers };
  const { connection } = headers;
  if (connection !== undefined)
    for (const name of String(connection).split(",")) {
      const named = name.trim().toLowerCase();
      // Whoever names these as of one connection would have the body's end, or its host, forgotten.
      if (!["transfer-encoding", "content-length", "host"].includes(named)) delete stored[named];
    }
  for (const name of HOP_BY_HOP) delete stored[name];
  return stored;
}
