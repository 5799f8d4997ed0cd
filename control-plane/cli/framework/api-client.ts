/**
 * The HTTP API as the command line (and `npm start`) sees it: JSON in and out, problem documents turned into one
 * sentence, an idempotency key on every POST so that a retry cannot order twice.
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { z } from "zod";
import { CliError, UNAUTHENTICATED } from "./cli-error.ts";
import type { Profile } from "./profile.ts";

/** A JSON object as it came; commands read the members they show. */
export type Row = Record<string, unknown>;

const DEADLINE_MS = 90_000;
const MAX_PAGES = 1_000;
const TIMED_OUT = 504;
/** The status of a range of a file that has no byte there; what is known of it stands in the headers. */
const NO_SUCH_RANGE = 416;

const Problem = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
const AnyRow = z.looseObject({});
const Page = z.looseObject({ items: z.array(AnyRow), next_cursor: z.string().nullable() });

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Answer = { status: number; text: string };

export class ApiClient {
  readonly #profile: Profile & { keyFrom?: string };
  readonly #ca: Buffer | undefined;

  /** @param profile with where its key stands, which the message says that it is refused */
  constructor(profile: Profile & { keyFrom?: string }) {
    this.#profile = profile;
    this.#ca = profile.ca === undefined ? undefined : certificateIn(profile.ca);
  }

  get(path: string, query: Record<string, string | undefined> = {}): Promise<Row> {
    return this.#call("GET", path + queryString(query));
  }

  /** @param signal closes the request before its answer, which ends what the server does for it alone */
  post(path: string, body: Row = {}, signal?: AbortSignal): Promise<Row> {
    return this.#call("POST", path, body, signal);
  }

  put(path: string, body: Row): Promise<Row> {
    return this.#call("PUT", path, body);
  }

  patch(path: string, body: Row): Promise<Row> {
    return this.#call("PATCH", path, body);
  }

  delete(path: string, query: Record<string, string | undefined> = {}): Promise<Row> {
    return this.#call("DELETE", path + queryString(query));
  }

  /** Every item of a list, page after page, up to `limit`. */
  async list(path: string, query: Record<string, string | undefined> = {}, limit = 10_000): Promise<Row[]> {
    const items: Row[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const size = String(Math.min(200, limit - items.length));
      const answer = Page.parse(await this.get(path, { ...query, limit: size, cursor }));
      items.push(...answer.items);
      if (answer.next_cursor === null || items.length >= limit) break;
      cursor = answer.next_cursor;
    }
    return items;
  }

  /**
   * An answer as it comes, for as long as it comes; `write` holds it back by resolving late. Resolves at its end, or
   * when `signal` ends it.
   */
  async stream(
    path: string,
    query: Record<string, string | undefined>,
    {
      write,
      signal,
      accept = "text/plain, application/json",
    }: { write: (bytes: Buffer) => Promise<void>; signal: AbortSignal; accept?: string },
  ): Promise<void> {
    const response = await this.#open(path + queryString(query), { signal, headers: { accept } });
    if (response === null) return;
    const status = response.statusCode ?? 0;
    if (status >= 400) throw this.#refusal(status, parseJson(await wholeOf(response)));
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) await write(chunk);
    } catch (cause) {
      if (signal.aborted) return;
      throw new CliError("unavailable", "The server broke off in the middle.", { cause });
    }
  }

  /**
   * A request that brings or fetches a file: its answer as it comes. What is brought may take as long as it takes, and so
   * may the answer to it.
   * @throws CliError where it is refused, or `signal` ended it
   */
  async transfer({
    path,
    query,
    signal,
    ...more
  }: {
    method?: "GET" | "PUT";
    path: string;
    query: Record<string, string>;
    headers: Record<string, string>;
    body?: Readable;
    signal: AbortSignal;
  }): Promise<IncomingMessage> {
    const response = await this.#open(path + queryString(query), { signal, isPatient: true, ...more });
    if (response === null) throw new CliError("refused", "It was ended.");
    const status = response.statusCode ?? 0;
    if (status >= 400 && status !== NO_SUCH_RANGE)
      throw this.#refusal(status, parseJson(await wholeOf(response)));
    return response;
  }

  /** Null when `signal` ended it before the answer came. */
  async #open(
    path: string,
    target: {
      method?: Method;
      signal: AbortSignal;
      headers: Record<string, string>;
      body?: Readable;
      isPatient?: boolean;
    },
  ): Promise<IncomingMessage | null> {
    const { method = "GET", signal, headers, body, isPatient = false } = target;
    const url = new URL(`/api/v1${path}`, this.#profile.server);
    const request = await requestOf(url);
    return await new Promise((resolve, reject) => {
      const sent = request(url, {
        method,
        signal,
        ...(this.#ca && { ca: this.#ca }),
        headers: { authorization: `Bearer ${this.#profile.key}`, ...headers },
      });
      // Only the beginning has a deadline: what is followed may be silent for days.
      const late = isPatient
        ? undefined
        : setTimeout(() => sent.destroy(new Error(`no answer within ${DEADLINE_MS / 1000} s`)), DEADLINE_MS);
      sent.once("close", () => clearTimeout(late));
      sent.once("response", (response) => {
        clearTimeout(late);
        resolve(response);
      });
      sent.once("error", (cause) => {
        if (signal.aborted) resolve(null);
        // The server may close a connection that rests in the moment when it is used again: nothing was asked by it then.
        else if (method === "GET" && sent.reusedSocket && isReset(cause))
          this.#open(path, target).then(resolve, reject);
        else
          reject(new CliError("unavailable", `${url.origin} cannot be reached: ${cause.message}`, { cause }));
      });
      if (body === undefined) sent.end();
      else body.on("error", (cause) => sent.destroy(cause)).pipe(sent);
    });
  }

  /** The bytes of a WebSocket's binary messages, with this key. */
  async webSocket(address: string): Promise<Duplex> {
    const url = new URL(address);
    refusePlain(url, "wss:");
    const [{ WebSocket, createWebSocketStream }, { rootCertificates }] = await Promise.all([
      import("ws"),
      import("node:tls"),
    ]);
    const socket = new WebSocket(url, {
      headers: { authorization: `Bearer ${this.#profile.key}` },
      perMessageDeflate: false,
      handshakeTimeout: DEADLINE_MS,
      // The gateway's certificate may be of the server's own authority, or a public one.
      ...(this.#ca && { ca: [...rootCertificates, this.#ca.toString()] }),
    });
    return await new Promise<Duplex>((resolve, reject) => {
      // In the same moment: what the other side says first may come with its answer, and nobody would hear it.
      socket.once("open", () => resolve(createWebSocketStream(socket, { allowHalfOpen: false })));
      socket.once("unexpected-response", (_request, response) => {
        void wholeOf(response).then(
          (text) => reject(this.#refusal(response.statusCode ?? 0, parseJson(text))),
          reject,
        );
      });
      socket.once("error", (cause) =>
        reject(new CliError("unavailable", `${url.host} cannot be reached: ${cause.message}`, { cause })),
      );
    });
  }

  /** For curl's --config: this key, and whom it may be shown to. @throws CliError where that is everybody on the way */
  curlOptions(url: URL): string[] {
    refusePlain(url, "https:");
    const { key, ca } = this.#profile;
    return [
      `header = ${JSON.stringify(`Authorization: Bearer ${key}`)}`,
      ...(ca === undefined ? [] : [`cacert = ${JSON.stringify(ca)}`]),
    ];
  }

  #refusal(status: number, answer: unknown): CliError {
    const { keyFrom } = this.#profile;
    return refusal(
      status,
      answer,
      status === UNAUTHENTICATED && keyFrom !== undefined ? ` The ${keyFrom} was used.` : "",
    );
  }

  async #call(method: Method, path: string, body?: Row, signal?: AbortSignal): Promise<Row> {
    const answer = await this.#send({ method, path, signal }, body);
    const parsed = parseJson(answer.text);
    if (answer.status >= 400) throw this.#refusal(answer.status, parsed);
    return parsed === undefined ? {} : AnyRow.parse(parsed);
  }

  async #send(
    { method, path, signal }: { method: Method; path: string; signal: AbortSignal | undefined },
    body?: Row,
  ): Promise<Answer> {
    const url = new URL(`/api/v1${path}`, this.#profile.server);
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const request = await requestOf(url);
    return await new Promise((resolve, reject) => {
      const unreachable = (cause: Error) =>
        reject(
          new CliError("unavailable", `${url.origin} cannot be reached: ${cause.message || String(cause)}`, {
            cause,
          }),
        );
      const sent = request(
        url,
        {
          method,
          timeout: DEADLINE_MS,
          ...(signal && { signal }),
          ...(this.#ca && { ca: this.#ca }),
          headers: {
            authorization: `Bearer ${this.#profile.key}`,
            accept: "application/json",
            ...(payload !== undefined && {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(payload),
            }),
            ...(method === "POST" && { "idempotency-key": crypto.randomUUID() }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
          );
          response.on("error", unreachable);
        },
      );
      sent.on("timeout", () => sent.destroy(new Error(`no answer within ${DEADLINE_MS / 1000} s`)));
      sent.on("error", unreachable);
      sent.end(payload);
    });
  }
}

/** @throws CliError where a key would go in plain text over a network */
function refusePlain({ protocol, hostname, host }: URL, sealed: "https:" | "wss:"): void {
  if (protocol !== sealed && !/^(localhost|.*\.localhost|127\.0\.0\.1)$/.test(hostname))
    throw new CliError("unavailable", `${host} speaks no TLS; the key is not sent there.`);
}

/** Loaded when the first request is made: many commands make none, and its loading is a good part of their time. */
async function requestOf({ protocol }: URL) {
  const { request } = protocol === "https:" ? await import("node:https") : await import("node:http");
  return request;
}

async function wholeOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function isReset(error: Error): boolean {
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

function certificateIn(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CliError("usage", `The certificate ${file} of the server's CA cannot be read.`, { cause });
  }
}

function queryString(query: Record<string, string | undefined>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CliError(
      "unavailable",
      "The server's answer is not JSON. Is that address the control plane's?",
      { cause },
    );
  }
}

function refusal(status: number, answer: unknown, more: string): CliError {
  const problem = Problem.safeParse(answer).data ?? {};
  const errors = problem.errors ?? [];
  // The sentence is about the first of them.
  const fields = (errors.length > 1 ? errors : [])
    .map(({ path, message }) => `\n  ${path}: ${message}`)
    .join("");
  const sentence = problem.detail ?? problem.title ?? "The server refused";
  return new CliError(kindOf(status), `${sentence}${more} (${status})${fields}`, { status, answer });
}

function kindOf(status: number): CliError["kind"] {
  if (status === TIMED_OUT) return "timedOut";
  return status >= 500 ? "unavailable" : "refused";
}
