/**
 * The statements of one transaction on their way to Postgres, in the order in which they are asked. Those that are asked
 * in the same moment, or while others are under way, go out as one batch (batch.ts); what none can carry goes alone.
 */
import type { ClientBase } from "pg";
import { type Answer, Batch, BatchPart } from "./batch.ts";
import type { Statement } from "./statement-in-role.ts";

/** The statements of one batch. */
const MAX_TOGETHER = 100;

type Waiting = BatchPart | Alone;

interface Alone {
  send: () => Promise<void>;
  reject: (error: unknown) => void;
}

export class Pipeline {
  readonly #client: ClientBase;
  readonly #prepares: boolean;
  #waiting: Waiting[] = [];
  #isPending = false;
  #failure: { cause: unknown } | null = null;

  /** @param prepares as in Batch */
  constructor(client: ClientBase, prepares: boolean) {
    this.#client = client;
    this.#prepares = prepares;
  }

  async request(statement: Statement): Promise<Answer> {
    const part = new BatchPart(statement);
    this.#enqueue(part);
    return await part.answer;
  }

  /** Several statements in one text, or rows that are copied in. */
  async alone<T>(send: () => Promise<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      this.#enqueue({ send: async () => resolve(await send()), reject });
    });
  }

  /** What ends the transaction, whatever came before. */
  async last<T>(send: () => Promise<T>): Promise<T> {
    this.#failure = null;
    return await this.alone(send);
  }

  /** Nothing more is done after what failed: behind a BEGIN, say, it would be done outside of a transaction. */
  #fail(cause: unknown): void {
    this.#failure = { cause };
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) one.reject(cause);
  }

  #enqueue(one: Waiting): void {
    if (this.#failure !== null) return one.reject(this.#failure.cause);
    this.#waiting.push(one);
    this.#wake();
  }

  /** Once everybody has asked who was answered in this moment. */
  #wake(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    queueMicrotask(() => process.nextTick(() => this.#send()));
  }

  #send(): void {
    const alone = this.#waiting.findIndex((one) => !(one instanceof BatchPart));
    const count = Math.min(alone < 0 ? this.#waiting.length : alone, MAX_TOGETHER);
    if (count > 0) {
      const parts = this.#waiting.splice(0, count).filter((one) => one instanceof BatchPart);
      this.#client.query(
        new Batch(parts, { prepares: this.#prepares, done: (failure) => this.#done(failure) }),
      );
      return;
    }
    const [first] = this.#waiting.splice(0, 1);
    if (first === undefined || first instanceof BatchPart) this.#done(null);
    else
      void first.send().then(
        () => this.#done(null),
        (error: unknown) => {
          first.reject(error);
          this.#done(error);
        },
      );
  }

  #done(failure: unknown): void {
    this.#isPending = false;
    if (failure !== null) this.#fail(failure);
    if (this.#waiting.length > 0) this.#wake();
  }
}
