/**
 * Whether a request has a form that the gateway passes on: one Host, a path of its own, a body whose length only one
 * header tells. Two readers of one request that differ about where it ends are how requests are smuggled.
 */

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
  | { isSound: false; status: number; sentence: string };

const MAX_HEADERS = 200;

const unsound = (status: number, sentence: string): RequestForm => ({ isSound: false, status, sentence });

export function readForm({ method, url, httpVersion, rawHeaders, isSocket }: RequestHead): RequestForm {
  if (rawHeaders.length / 2 > MAX_HEADERS)
    return unsound(431, `A request may have at most ${MAX_HEADERS} headers.`);
  if (method === "CONNECT" || method === "TRACE") return unsound(405, `${method} is not answered here.`);
  const values = (name: string) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
  const hosts = values("host");
  const [host = ""] = hosts;
  if (hosts.length !== 1 || host === "") return unsound(400, "A request names its Host exactly once.");
  const encodings = values("transfer-encoding");
  const lengths = values("content-length");
  if (encodings.length > 0 && lengths.length > 0)
    return unsound(400, "A body's length is told by Content-Length or by Transfer-Encoding, never by both.");
  if (encodings.length > 1 || encodings.some((encoding) => encoding.toLowerCase() !== "chunked"))
    return unsound(501, "Of the transfer encodings only chunked is known here.");
  if (encodings.length > 0 && httpVersion !== "1.1")
    return unsound(400, `HTTP/${httpVersion} knows no transfer encoding.`);
  if (lengths.length > 1) return unsound(400, "A body has one length.");
  // No body would follow on the way to the container, which would take the next request there for it.
  const hasBody = encodings.length > 0 || lengths.some((length) => length !== "0");
  if (isSocket === true && (method !== "GET" || hasBody))
    return unsound(400, "A WebSocket begins with a GET that has no body.");
  const path = pathOf(url, host);
  return path === null
    ? unsound(400, "The address of a request is a path here, or one of this very host.")
    : { isSound: true, host, path };
}

/** Proxies are asked by whole addresses; of another host than the Host header's, that is a question to somebody else. */
function pathOf(url: string, host: string): string | null {
  if (url.startsWith("/")) return url;
  const [, named, rest = ""] = /^https?:\/\/([^/?#]+)([^#]*)$/i.exec(url) ?? [];
  if (named === undefined || named.toLowerCase() !== host.toLowerCase()) return null;
  return rest.startsWith("/") ? rest : `/${rest}`;
}
