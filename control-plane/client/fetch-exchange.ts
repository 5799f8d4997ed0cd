/** The exchange by fetch, of browsers and tests: where the server is and what every request carries come from outside. */
import type { Message, Reply } from "./transport.ts";

export interface FetchOptions {
  /** The server's origin; in a browser the page's own. */
  server?: string;
  headers?: Readonly<Record<string, string>>;
  credentials?: NonNullable<RequestInit["credentials"]>;
  fetch?: typeof globalThis.fetch;
  /** Sees each response before its body is read. */
  onResponse?: (response: Response) => void;
}

export function fetchExchange(options: FetchOptions = {}): (message: Message) => Promise<Reply> {
  const { server = "", headers = {}, credentials = "same-origin", onResponse } = options;
  return async ({ method, address, headers: own, body, signal }) => {
    const { fetch = globalThis.fetch } = options;
    const response = await fetch(server + address, {
      method,
      credentials,
      headers: { ...headers, ...own },
      signal: signal ?? null,
      body: body ?? null,
    });
    onResponse?.(response);
    const contentType = response.headers.get("content-type") ?? "";
    return { status: response.status, contentType, text: await response.text() };
  };
}
