/**
 * One request to a service as it is counted: which replica had it, what it answered and when. It reads along where an answer
 * may tell its tokens, and keeps the end of that alone.
 */
import type { IncomingMessage } from "node:http";
import { KIB } from "@remotegpu/shared/values/units";
import type { HeaderMap } from "../../server/core/gateway/forwarded-headers.ts";
import {
  isOpenAiPath,
  readUsage,
  type UsageForm,
  usageFormOf,
} from "../../server/core/gateway/services/usage.ts";
import type { CountedAnswer } from "../../server/core/inference/traffic/traffic-counts.ts";
import { BodyTail } from "./body-tail.ts";

/** The tail of an answer in JSON, and of a stream, whose events are small and many. */
const TAIL_BYTES: Record<UsageForm, number> = { json: 64 * KIB, stream: 8 * KIB };
const SWITCHED = 101;

/** The service, revision and key that it is counted for. */
export interface CountedAt {
  serviceId: string;
  /** 0: no replica has it. */
  revision: number;
  /** Null where none was shown that opens it. */
  keyName: string | null;
}

type Count = (at: CountedAt, answer: CountedAnswer) => void;

export class CountedRequest {
  readonly #count: Count;
  readonly #method: string;
  readonly #path: string;
  readonly #socket: IncomingMessage["socket"];
  readonly #bytesBefore: number;
  readonly #beganMs: number;
  readonly #at: CountedAt;
  #waitsSinceMs: number | null = null;
  #queuedMs: number | null = null;
  #firstByteMs: number | null = null;
  #status: number | null = null;
  #tail: { form: UsageForm; body: BodyTail } | null = null;
  #isOver = false;
  #whenOver: ((tokens: CountedAnswer["tokens"]) => void) | null = null;

  constructor(
    request: IncomingMessage,
    { beganMs, ...of }: Omit<CountedAt, "revision"> & { beganMs: number },
    count: Count,
  ) {
    this.#count = count;
    this.#beganMs = beganMs;
    this.#method = request.method ?? "";
    this.#path = request.url ?? "";
    this.#socket = request.socket;
    this.#bytesBefore = request.socket.bytesWritten;
    this.#at = { ...of, revision: 0 };
  }

  /** Told once, with the tokens that its answer told. */
  whenOver(answered: (tokens: CountedAnswer["tokens"]) => void): void {
    this.#whenOver = answered;
  }

  /** For a replica. */
  waits(): void {
    this.#waitsSinceMs = performance.now();
  }

  /** Whatever comes of it is that revision's; 0: nobody's yet, or not any more. */
  isWith(revision: number): void {
    this.#at.revision = revision;
    if (this.#waitsSinceMs === null) return;
    this.#queuedMs = (this.#queuedMs ?? 0) + performance.now() - this.#waitsSinceMs;
    this.#waitsSinceMs = null;
  }

  /** The head of a replica's answer is there. */
  answered(headers: HeaderMap, status: number): void {
    this.#status = status;
    this.#firstByteMs = performance.now() - this.#beganMs;
    const form = this.#method === "POST" && isSuccess(status) ? usageFormOf(headers) : null;
    this.#tail = form === null ? null : { form, body: new BodyTail(TAIL_BYTES[form]) };
  }

  /** Who is to see the body as it goes by. */
  get reader(): ((piece: Buffer) => void) | null {
    const { body } = this.#tail ?? {};
    return body === undefined ? null : (piece) => body.add(piece);
  }

  /** With an answer of our own. */
  statusSent(status: number): void {
    this.#status = status;
    this.#tail = null;
  }

  /** The first word that it is counts. */
  over(isWhole: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#waitsSinceMs !== null) this.isWith(0);
    const tookMs = this.#status === SWITCHED ? null : performance.now() - this.#beganMs;
    const tokens = this.#tokens();
    this.#count(this.#at, {
      status: this.#status,
      isWhole,
      bytes: Math.max(0, this.#socket.bytesWritten - this.#bytesBefore),
      tookMs,
      firstByteMs: this.#firstByteMs,
      queuedMs: this.#queuedMs,
      tokens,
    });
    this.#whenOver?.(tokens);
  }

  #tokens(): CountedAnswer["tokens"] {
    const isExpected =
      this.#firstByteMs !== null &&
      this.#method === "POST" &&
      isSuccess(this.#status ?? 0) &&
      isOpenAiPath(this.#path);
    if (this.#tail === null) return isExpected ? "silent" : null;
    const { end, isAll } = this.#tail.body.read();
    return readUsage(this.#tail.form, end, isAll) ?? (isExpected ? "silent" : null);
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}
