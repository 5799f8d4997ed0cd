/** The API as pages reach it: refusals as errors of ours, and a server that does not answer as another. */
import type { ApiRequest } from "@remotegpu/control-plane/client/api-request";
import { fetchExchange } from "@remotegpu/control-plane/client/fetch-exchange";
import type {
  Problem as ProblemDocument,
  ProblemError,
  Readiness,
} from "@remotegpu/control-plane/client/generated/api.schemas";
import { type Reply, type SendOptions, Transport } from "@remotegpu/control-plane/client/transport";
import i18next from "i18next";
import { heardDate } from "./server-clock.ts";

/** What is wrong with a field: its sentence is for people, its code and parameters for catalogues. */
export interface FieldError {
  path: string;
  message: string;
  code: string | null;
  params: Params | null;
}

type Params = Readonly<Record<string, unknown>>;

interface Refused {
  detail: string;
  code?: string | null | undefined;
  params?: Params | null | undefined;
  errors?: readonly FieldError[] | undefined;
  reason?: string | null | undefined;
  trace_id?: string | null | undefined;
}

/** The API refused; its sentence is for people, its code and parameters for catalogues. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly code: string | null;
  readonly params: Params | null;
  readonly errors: readonly FieldError[];
  /** Of a session, key, ticket or account that opens nothing: why, as a word. */
  readonly reason: string | null;
  /** By which the server's and the hosts' logs have it; null of an older server. */
  readonly traceId: string | null;

  constructor(status: number, { detail, code, params, errors = [], reason = null, ...more }: Refused) {
    super(detail);
    this.status = status;
    this.code = code ?? null;
    this.params = params ?? null;
    this.errors = errors;
    this.reason = reason;
    this.traceId = more.trace_id ?? null;
  }
}

/** Nobody answered: the server is away, or the way to it. */
export class Away extends Error {
  override readonly name = "Away";
}

const exchange = fetchExchange({
  fetch: fetchOrAway,
  onResponse: ({ headers }) => heardDate(headers.get("Date")),
});
const transport = new Transport({ exchange, refusal: problemOf });

/** The answer of a request. A POST has an idempotency key where one is given. @throws Problem, Away */
export async function send<Answer>(
  request: ApiRequest<Answer>,
  { signal, idempotencyKey = null }: SendOptions = {},
): Promise<Answer> {
  return await transport.send(request, { signal, idempotencyKey });
}

/** The same for what is no JSON, or is read as it came. @throws Problem, Away */
export async function sendForText(
  request: ApiRequest<unknown>,
  { accept = "application/json", signal }: { accept?: string; signal?: AbortSignal } = {},
): Promise<string> {
  return await transport.text(request, { accept, signal });
}

/** Whether the server is ready is answered beside the API, at an address of its own. @throws Problem, Away */
export async function sendReadiness(signal: AbortSignal): Promise<Readiness> {
  const reply = await exchange({
    method: "GET",
    address: "/readyz",
    headers: { accept: "application/json" },
    body: undefined,
    signal,
  });
  if (reply.status >= 400) throw problemOf(reply);
  return JSON.parse(reply.text) as Readiness;
}

async function fetchOrAway(...[address, init]: Parameters<typeof fetch>): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (init?.signal?.aborted === true) throw error;
    throw new Away(i18next.t("parts:server.silent"), { cause: error });
  }
}

function problemOf({ status, contentType, text }: Reply): Error {
  if (!contentType.includes("json")) {
    // A proxy in front speaks HTML where the server behind it is away.
    if (status >= 502) return new Away(i18next.t("parts:server.away", { status }));
    return new Problem(status, { detail: answeredWith(status) });
  }
  return problemFrom(status, text);
}

/** @param text a problem document, of which an older server writes less */
export function problemFrom(status: number, text: string): Problem {
  const document = JSON.parse(text) as Partial<ProblemDocument>;
  const { detail = answeredWith(status), reason_code: code, reason_params: params, reason } = document;
  const errors = document.errors?.map(fieldErrorOf);
  return new Problem(status, { detail, code, params, errors, reason, trace_id: document.trace_id });
}

function fieldErrorOf(error: Partial<ProblemError>): FieldError {
  const { path = "", message = "", reason_code: code = null, reason_params: params = null } = error;
  return { path, message, code, params };
}

function answeredWith(status: number): string {
  return i18next.t("parts:server.answered", { status });
}

/** Random enough for an Idempotency-Key; `crypto.randomUUID` is missing on plain HTTP. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
