/**
 * A customer who orders environments without a pause, lets each run for a while and deletes it, and an administrator who
 * pays in: each request with an idempotency key, which is kept until one of the control planes answers for good.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { MIB } from "@remotegpu/shared/values/units";
import { BUSYBOX_IMAGE } from "../../samples/desired-instance.ts";
import type { ApiCaller } from "./api-caller.ts";

const BETWEEN_ORDERS_MS = 1_500;
const BETWEEN_PAYMENTS_MS = 700;
const AT_ONCE = 4;
const LIVES_MS = 8_000;
const CREATED = 201;

/** By its key, which is the name of what is ordered, too. */
export interface Acknowledged {
  key: string;
  /** Of the environment; of the ledger's transaction. */
  id: string;
}

export class Orders {
  readonly acknowledged: Acknowledged[] = [];
  readonly payments: Acknowledged[] = [];
  /** Answers that were neither a success nor to be tried again. */
  readonly refusals: string[] = [];
  attempts = 0;
  #slowestMs = 0;
  #alive = 0;
  readonly #ended: AbortController = new AbortController();
  readonly #customer: ApiCaller;
  readonly #admin: ApiCaller;
  readonly #customerId: number;
  #going: Promise<unknown> = Promise.resolve();
  readonly #lives = new Set<Promise<void>>();

  constructor({
    customer,
    admin,
    customerId,
  }: {
    customer: ApiCaller;
    admin: ApiCaller;
    customerId: number;
  }) {
    this.#customer = customer;
    this.#admin = admin;
    this.#customerId = customerId;
  }

  begin(): void {
    this.#going = Promise.all([this.#order(), this.#pay()]);
  }

  /** The longest that a client waited since this was asked last, with all its attempts, in ms. */
  slowestMs(): number {
    const so = this.#slowestMs;
    this.#slowestMs = 0;
    return so;
  }

  /** Begins nothing more, and resolves once all is answered and deleted. */
  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#going;
    await Promise.all(this.#lives);
  }

  async #order(): Promise<void> {
    for (let number = 0; !this.#ended.signal.aborted; number += 1) {
      if (this.#alive < AT_ONCE) {
        const key = `order-${randomUUID()}`;
        const gpu = number % 2;
        const body = { name: key, image: BUSYBOX_IMAGE, cpu: 1, memory: 64 * MIB, gpu };
        const id = await this.#done("/environments", { key, body }, this.#customer);
        if (id !== null) {
          this.acknowledged.push({ key, id });
          const life = this.#live(id);
          this.#lives.add(life);
          void life.finally(() => this.#lives.delete(life));
        }
      }
      await this.#pause(BETWEEN_ORDERS_MS);
    }
  }

  async #live(id: string): Promise<void> {
    this.#alive += 1;
    await this.#pause(LIVES_MS);
    await this.#customer.request("DELETE", `/environments/${id}`);
    this.#alive -= 1;
  }

  async #pay(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const key = `payment-${randomUUID()}`;
      const path = `/customers/${this.#customerId}/top-ups`;
      const id = await this.#done(path, { key, body: { amount: "0.01", reason: key } }, this.#admin);
      if (id !== null) this.payments.push({ key, id });
      await this.#pause(BETWEEN_PAYMENTS_MS);
    }
  }

  /** The id of what was made; null where it was refused. */
  async #done(
    path: string,
    { key, body }: { key: string; body: object },
    caller: ApiCaller,
  ): Promise<string | null> {
    const beganMs = performance.now();
    const answered = await caller.request("POST", path, { body, idempotencyKey: key });
    if (answered === null) return null;
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - beganMs);
    this.attempts += answered.attempts;
    if (answered.status === CREATED) return String(answered.body["id"] ?? answered.body["transaction_id"]);
    this.refusals.push(`${path}: ${answered.status} ${JSON.stringify(answered.body)}`);
    return null;
  }

  async #pause(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.#ended.signal }).catch(() => undefined);
  }
}
