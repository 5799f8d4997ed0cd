/** Requests to whichever of several control planes answers, as a client behind a load balancer makes them. */
import { setTimeout as pause } from "node:timers/promises";

const ATTEMPT_WITHIN_MS = 6_000;
const BETWEEN_ATTEMPTS_MS = 150;
/** Answers after which the same request is made again, elsewhere. */
const TRY_AGAIN = new Set([409, 425, 429, 500, 502, 503, 504]);

export interface Answered {
  status: number;
  body: Record<string, unknown>;
  /** How often it was asked for. */
  attempts: number;
}

export class ApiCaller {
  readonly #urls: readonly string[];
  readonly #key: string;
  readonly #ended: AbortSignal;
  #turn = 0;

  /** @param ended nothing is tried again from then on */
  constructor(urls: readonly string[], key: string, ended: AbortSignal) {
    this.#urls = urls;
    this.#key = key;
    this.#ended = ended;
  }

  /**
   * Asked again of the next, with the same idempotency key, until one answers for good.
   * @returns null where it was ended before that: whether it was done is unknown
   */
  async request(
    method: string,
    path: string,
    { body, idempotencyKey }: { body?: object; idempotencyKey?: string } = {},
  ): Promise<Answered | null> {
    for (let attempts = 1; !this.#ended.aborted; attempts += 1) {
      const url = this.#urls[(this.#turn += 1) % this.#urls.length] ?? "";
      try {
        const answer = await fetch(`${url}/api/v1${path}`, {
          method,
          headers: {
            authorization: `Bearer ${this.#key}`,
            ...(body !== undefined && { "content-type": "application/json" }),
            ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(ATTEMPT_WITHIN_MS),
        });
        const text = await answer.text();
        if (!TRY_AGAIN.has(answer.status))
          return {
            status: answer.status,
            body: text === "" ? {} : (JSON.parse(text) as Answered["body"]),
            attempts,
          };
      } catch {
        // Nobody there, or silent: whether it was done is unknown, and the key settles it.
      }
      await pause(BETWEEN_ATTEMPTS_MS);
    }
    return null;
  }
}
