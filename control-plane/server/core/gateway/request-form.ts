/**
 * Whether a request has a form that the gateway passes on: one Host, a path of its own, a body whose length only one
 * header tells. Two readers of one request that differ about where it ends are how requests are smuggled.
 */
import type { GivenReason } from "../reasons/plain-reason.ts";

export interface RequestHead {
  method: string;
  url: string;
  httpVersion: string;
  /** Names and values in turn, as they came. */
  rawHeaders: readonly string[];
  /** It asks for a WebSocket. */
  isSocket?: boolean;
}

export type RequestForm =
  | { isSound: true; host: string; path: string }
  | { isSound: false; status: number; reason: GivenReason };

const MAX_HEADERS = 200;

const unsound = (status: number, reason: GivenReason): RequestForm => ({ isSound: false, status, reason });

export function readForm({ method, url, httpVersion, rawHeaders, isSocket }: RequestHead): RequestForm {
  if (rawHeaders.length / 2 > MAX_HEADERS)
    return unsound(431, { code: "headers-too-many", params: { max_headers: MAX_HEADERS } });
  if (method === "CONNECT" || method === "TRACE")
    return unsound(405, { code: "http-method-refused", params: { method } });
  const values = (name: string) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
  const hosts = values("host");
  const [host = ""] = hosts;
  if (hosts.length !== 1 || host === "") return unsound(400, "host-header-not-one");
  const encodings = values("transfer-encoding");
  const lengths = values("content-length");
  if (encodings.length > 0 && lengths.length > 0) return unsound(400, "body-length-ambiguous");
  if (encodings.length > 1 || encodings.some((encoding) => encoding.toLowerCase() !== "chunked"))
    return unsound(501, "transfer-encoding-unknown");
  if (encodings.length > 0 && httpVersion !== "1.1")
    return unsound(400, { code: "transfer-encoding-of-version", params: { http_version: httpVersion } });
  if (lengths.length > 1) return unsound(400, "body-length-doubled");
  // No body would follow on the way to the container, which would take the next request there for it.
  const hasBody = encodings.length > 0 || lengths.some((length) => length !== "0");
  if (isSocket === true && (method !== "GET" || hasBody)) return unsound(400, "websocket-not-get");
  const path = pathOf(url, host);
  return path === null ? unsound(400, "request-target-foreign") : { isSound: true, host, path };
}

/** Proxies are asked by whole addresses; of another host than the Host header's, that is a question to somebody else. */
function pathOf(url: string, host: string): string | null {
  if (url.startsWith("/")) return url;
  const [, named, rest = ""] = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(url) ?? [];
  if (named === undefined || named.toLowerCase() !== host.toLowerCase()) return null;
  return rest.startsWith("/") ? rest : `/${rest}`;
}
