/** Asks the API: JSON in and out, problem documents as errors of ours, and a server that does not answer as another. */
import i18next from "i18next";
import { heardDate } from "./server-clock.ts";

const API_BASE = "/api/v1";

export interface FieldError {
  path: string;
  message: string;
}

/** The API refused; its sentence is for people. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;
  readonly errors: readonly FieldError[];
  /** Of a session, key, ticket or account that opens nothing: why, as a word. */
  readonly reason: string | null;

  constructor(
    status: number,
    {
      detail,
      errors = [],
      reason = null,
    }: { detail: string; errors?: readonly FieldError[]; reason?: string | null },
  ) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.reason = reason;
  }
}

/** Nobody answered: the server is away, or the way to it. */
export class Away extends Error {
  override readonly name = "Away";
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface RequestOptions {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** Of a POST: asked twice with the same, it is done once. */
  idempotencyKey?: string;
}

/** @throws Problem, Away */
export async function request<Answer>(
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const response = await send(method, addressOf(path, options.query), options);
  heardDate(response.headers.get("Date"));
  const text = await response.text();
  if (!response.ok) throw problemOf(response, text);
  return (text === "" ? null : JSON.parse(text)) as Answer;
}

/** The same for what is no JSON, or is read as it came. @throws Problem, Away */
export async function requestText(
  path: string,
  {
    query,
    accept = "application/json",
    signal,
  }: { query?: Query; accept?: string; signal?: AbortSignal } = {},
): Promise<string> {
  const response = await send("GET", addressOf(path, query), { signal, accept });
  heardDate(response.headers.get("Date"));
  const text = await response.text();
  if (!response.ok) throw problemOf(response, text);
  return text;
}

/** `/queue` → `/api/v1/queue`; what begins with another slash pair is the server's own. */
export function addressOf(path: string, query: Query = {}): string {
  const words = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === null || value === "" ? [] : [[name, String(value)]],
  );
  const base = path.startsWith("//") ? path.slice(1) : API_BASE + path;
  return words.length === 0 ? base : `${base}?${new URLSearchParams(words).toString()}`;
}

async function send(
  method: string,
  address: string,
  options: RequestOptions & { accept?: string },
): Promise<Response> {
  const { body, signal, idempotencyKey, accept = "application/json" } = options;
  try {
    return await fetch(address, {
      method,
      signal: signal ?? null,
      credentials: "same-origin",
      headers: {
        Accept: accept,
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(idempotencyKey !== undefined && { "Idempotency-Key": idempotencyKey }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new Away(i18next.t("parts:server.silent"), { cause: error });
  }
}

/** Of a problem document. */
interface Message {
  detail?: string;
  errors?: FieldError[];
  reason?: string;
}

function problemOf(response: Response, text: string): Error {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) {
    // A proxy in front speaks HTML where the server behind it is away.
    if (response.status >= 502) return new Away(i18next.t("parts:server.away", { status: response.status }));
    return new Problem(response.status, { detail: answeredWith(response) });
  }
  const { detail, errors, reason } = JSON.parse(text) as Message;
  return new Problem(response.status, {
    detail: detail ?? answeredWith(response),
    errors,
    reason,
  });
}

function answeredWith({ status }: Response): string {
  return i18next.t("parts:server.answered", { status });
}

/** Random enough for an Idempotency-Key; `crypto.randomUUID` is missing on plain HTTP. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}
