/**
 * The HTTP API as the command line (and `npm start`) sees it: requests of the generated client by Node's HTTP, problem
 * documents turned into one sentence, and what has no end or is a file as it comes.
 */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { newTrace } from "@remotegpu/shared/tracing/current-trace";
import { TRACEPARENT, writeTraceparent } from "@remotegpu/shared/tracing/trace-context";
import { z } from "zod";
import { addressOf, type ApiRequest } from "../../client/api-request.ts";
import { Transport, type Message, type Reply } from "../../client/transport.ts";
import { CliError, UNAUTHENTICATED } from "./cli-error.ts";
import type { Profile } from "./profile.ts";

const DEADLINE_MS = 90_000;
const TIMED_OUT = 504;
/** The status of a range of a file that has no byte there; what is known of it stands in the headers. */
const NO_SUCH_RANGE = 416;

/** One for all requests of one command, by which its operator finds them. */
const TRACE = { [TRACEPARENT]: writeTraceparent(newTrace()) };

const Problem = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  trace_id: z.string().optional(),
});

/** Which server, by which key, and where that key stands, which the message says that it is refused. */
type Server = Profile & { keyFrom?: string };

export class ApiClient extends Transport {
  readonly #server: Server;
  readonly #ca: Buffer | undefined;

  constructor(server: Server) {
    const ca = server.ca === undefined ? undefined : certificateIn(server.ca);
    super({
      exchange: async (message) => await exchanged(message, server, ca),
      refusal: ({ status, text }) => refusalOf(server, status, parseJson(text)),
      notJson: (_reply, cause) => notJson(cause),
    });
    this.#server = server;
    this.#ca = ca;
  }

  /**
   * An answer as it comes, for as long as it comes; `write` holds it back by resolving late. Resolves at its end, or
   * when `signal` ends it.
   */
  async stream(
    request: ApiRequest<unknown>,
    {
      write,
      signal,
      accept = "text/plain, application/json",
    }: { write: (bytes: Buffer) => Promise<void>; signal: AbortSignal; accept?: string },
  ): Promise<void> {
    const response = await this.#open(request, { signal, headers: { accept } });
    if (response === null) return;
    const status = response.statusCode ?? 0;
    if (status >= 400) throw refusalOf(this.#server, status, parseJson(await wholeOf(response)));
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
  async transfer(
    request: ApiRequest<unknown>,
    options: { headers: Record<string, string>; body?: Readable; signal: AbortSignal },
  ): Promise<IncomingMessage> {
    const response = await this.#open(request, { isPatient: true, ...options });
    if (response === null) throw new CliError("refused", "It was ended.");
    const status = response.statusCode ?? 0;
    if (status >= 400 && status !== NO_SUCH_RANGE)
      throw refusalOf(this.#server, status, parseJson(await wholeOf(response)));
    return response;
  }

  /** Null when `signal` ended it before the answer came. */
  async #open(
    request: ApiRequest<unknown>,
    options: { signal: AbortSignal; headers: Record<string, string>; body?: Readable; isPatient?: boolean },
  ): Promise<IncomingMessage | null> {
    const { method } = request;
    const { signal, headers, body, isPatient = false } = options;
    const url = new URL(addressOf(request), this.#server.server);
    const open = await openerOf(url);
    return await new Promise((resolve, reject) => {
      const sent = open(url, {
        method,
        signal,
        ...(this.#ca && { ca: this.#ca }),
        headers: { authorization: `Bearer ${this.#server.key}`, ...TRACE, ...headers },
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
          this.#open(request, options).then(resolve, reject);
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
      headers: { authorization: `Bearer ${this.#server.key}` },
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
          (text) => reject(refusalOf(this.#server, response.statusCode ?? 0, parseJson(text))),
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
    const { key, ca } = this.#server;
    return [
      `header = ${JSON.stringify(`Authorization: Bearer ${key}`)}`,
      ...(ca === undefined ? [] : [`cacert = ${JSON.stringify(ca)}`]),
    ];
  }
}

/** One JSON request and its whole answer. */
async function exchanged(
  { method, address, headers, body, signal }: Message,
  server: Server,
  ca: Buffer | undefined,
): Promise<Reply> {
  const url = new URL(address, server.server);
  // A server of any version takes an empty object where it takes nothing.
  const payload = body ?? (method === "POST" || method === "PUT" ? "{}" : undefined);
  const open = await openerOf(url);
  return await new Promise((resolve, reject) => {
    const unreachable = (cause: Error) =>
      reject(
        new CliError("unavailable", `${url.origin} cannot be reached: ${cause.message || String(cause)}`, {
          cause,
        }),
      );
    const sent = open(
      url,
      {
        method,
        timeout: DEADLINE_MS,
        ...(signal && { signal }),
        ...(ca && { ca }),
        headers: {
          authorization: `Bearer ${server.key}`,
          ...TRACE,
          ...headers,
          ...(payload !== undefined && {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(payload),
          }),
        },
      },
      (response) => {
        replyOf(response).then(resolve, unreachable);
      },
    );
    sent.on("timeout", () => sent.destroy(new Error(`no answer within ${DEADLINE_MS / 1000} s`)));
    sent.on("error", unreachable);
    sent.end(payload);
  });
}

async function replyOf(response: IncomingMessage): Promise<Reply> {
  const contentType = response.headers["content-type"] ?? "";
  return { status: response.statusCode ?? 0, contentType, text: await wholeOf(response) };
}

/** @throws CliError where a key would go in plain text over a network */
function refusePlain({ protocol, hostname, host }: URL, sealed: "https:" | "wss:"): void {
  if (protocol !== sealed && !/^(localhost|.*\.localhost|127\.0\.0\.1)$/.test(hostname))
    throw new CliError("unavailable", `${host} speaks no TLS; the key is not sent there.`);
}

/** Loaded when the first request is made: many commands make none, and its loading is a good part of their time. */
async function openerOf({ protocol }: URL) {
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

function parseJson(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notJson(cause);
  }
}

function notJson(cause: unknown): CliError {
  const sentence = "The server's answer is not JSON. Is that address the control plane's?";
  return new CliError("unavailable", sentence, { cause });
}

function refusalOf({ keyFrom }: Server, status: number, answer: unknown): CliError {
  const isKeyRefused = status === UNAUTHENTICATED && keyFrom !== undefined;
  return refusal(status, answer, isKeyRefused ? ` The ${keyFrom} was used.` : "");
}

function refusal(status: number, answer: unknown, more: string): CliError {
  const problem = Problem.safeParse(answer).data ?? {};
  const errors = problem.errors ?? [];
  // The sentence is about the first of them.
  const fields = (errors.length > 1 ? errors : [])
    .map(({ path, message }) => `\n  ${path}: ${message}`)
    .join("");
  const sentence = problem.detail ?? problem.title ?? "The server refused";
  // What the server failed at is found in its log; what it refused is explained by the sentence.
  const isFailure = status >= 500 && problem.trace_id !== undefined;
  const known = isFailure ? `${status}, trace ${problem.trace_id}` : status;
  return new CliError(kindOf(status), `${sentence}${more} (${known})${fields}`, { status, answer });
}

function kindOf(status: number): CliError["kind"] {
  if (status === TIMED_OUT) return "timedOut";
  return status >= 500 ? "unavailable" : "refused";
}
