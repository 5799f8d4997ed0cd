/**
 * What the gateway says itself in place of a container: a page for people, a problem document for programs, with the same
 * sentence. Nothing that others wrote stands in a page unescaped, and no page runs a script.
 */
import { randomBytes } from "node:crypto";
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { currentTrace } from "@remotegpu/shared/tracing/current-trace";
import { SANDBOX } from "../../server/core/gateway/services/shared-origin.ts";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../server/core/reasons/plain-reason.ts";
import { sendFinalResponse } from "./final-response.ts";
import { ICON } from "./icon.ts";
import { type GatewayProblem, gatewayProblemType } from "./problem-types.ts";

export interface Answer {
  /** Null where it is none. */
  problem: GatewayProblem | null;
  status: number;
  title: string;
  reason: GivenReason;
  /** A page asks again by itself after so many seconds, and programs are told to. */
  retryAfterSeconds?: number;
  headers?: Readonly<Record<string, string>>;
}

/** A mark of the request itself: a set of requests that are weakly held costs each collection of garbage a look at them. */
const SANDBOXED = Symbol("sandboxed");

type Marked = IncomingMessage & { [SANDBOXED]?: true };

/** Whatever is answered to it by us is sandboxed, as what services answer at an origin that they share. */
export function sandbox(request: Marked): void {
  request[SANDBOXED] = true;
}

const isSandboxed = (request: Marked) => request[SANDBOXED] === true;

/** The header for it; none where it needs none. */
export function sandboxOf(request: IncomingMessage): Record<string, string> {
  return isSandboxed(request) ? { "Content-Security-Policy": SANDBOX } : {};
}

export function answer(request: IncomingMessage, response: ServerResponse, answered: Answer): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { headers, body } = written(request, answered);
  // What is left of a body is not waited for.
  if (!request.complete) response.shouldKeepAlive = false;
  response.writeHead(answered.status, headers).end(request.method === "HEAD" ? undefined : body);
}

/** The answer to an upgrade, whose socket has no response of Node's. */
export function answerUpgrade(request: IncomingMessage, socket: Duplex, answered: Answer): void {
  if (socket.destroyed) return;
  const { headers, body } = written(request, answered);
  const lines = Object.entries({ ...headers, Connection: "close" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const reason = STATUS_CODES[answered.status] ?? "Error";
  sendFinalResponse(socket, `HTTP/1.1 ${answered.status} ${reason}\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
}

/** A page is for whoever asks for HTML before anything else. */
export function wantsHtml({ headers }: IncomingMessage): boolean {
  return /\btext\/html\b/.test(headers.accept ?? "");
}

function written(
  request: IncomingMessage,
  answered: Answer,
): { headers: Record<string, string>; body: string } {
  const isPage = wantsHtml(request);
  const nonce = randomBytes(16).toString("base64");
  const body = isPage ? page(answered, nonce) : document(answered);
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return {
    body,
    headers: {
      "Content-Type": isPage ? "text/html; charset=utf-8" : "application/problem+json",
      "Content-Length": String(Buffer.byteLength(body)),
      "Cache-Control": "no-store",
      "Referrer-Policy": "no-referrer",
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": isSandboxed(request) ? `${SANDBOX}; ${policy}` : policy,
      ...(answered.retryAfterSeconds !== undefined && { "Retry-After": String(answered.retryAfterSeconds) }),
      ...answered.headers,
    },
  };
}

/** What is no problem says no more than its status. */
function document({ problem, status, title, reason: given }: Answer): string {
  const reason = reasonOf(given);
  const type = problem === null ? "about:blank" : gatewayProblemType(problem);
  const { code: reason_code, params: reason_params } = reason;
  const trace_id = currentTrace()?.traceId;
  const detail = inEnglish(reason);
  return `${JSON.stringify({ type, title, status, detail, reason_code, reason_params, trace_id })}\n`;
}

const STYLE = `:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto 0;padding:0 1rem}h1{font-size:1.3rem}p{overflow-wrap:anywhere}`;

function page({ title, reason, retryAfterSeconds }: Answer, nonce: string): string {
  const sentence = inEnglish(reasonOf(reason));
  const refresh =
    retryAfterSeconds === undefined ? "" : `<meta http-equiv="refresh" content="${retryAfterSeconds}">`;
  const retries = retryAfterSeconds === undefined ? "" : "<p>This page looks again by itself.</p>";
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">${refresh}<link rel="icon" href="${ICON}"><title>${escaped(title)}</title><style nonce="${nonce}">${STYLE}</style></head><body><h1>${escaped(title)}</h1><p>${escaped(sentence)}</p>${retries}</body></html>\n`;
}

/** As text or an attribute's value of a page. */
export function escaped(text: string): string {
  const entities: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
