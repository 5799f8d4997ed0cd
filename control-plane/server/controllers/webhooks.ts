/**
 * Sends what the outbox has for webhooks. A pass takes what is due and begins to send it, and waits for none of it: each
 * try ends by itself, writes down what came of it and wakes the loop. So a receiver that does not answer holds up only
 * its own messages.
 */
import type { TryOutcome } from "../core/alerts/webhook-tries.ts";
import type { WebhookSeal } from "../core/secrets/webhook-seal.ts";
import type { Log } from "@remotegpu/shared/log";
import type { Database } from "../store/database/database.ts";
import { transaction } from "../store/database/transaction.ts";
import { assertTerm } from "../store/database/leader.ts";
import { setting } from "../store/accounts/settings.ts";
import { type DueDelivery, takeDue, tidyDeliveries, writeOutcome } from "../store/events/deliveries.ts";
import { type SenderOptions, sendToWebhook } from "../webhooks/sender.ts";

/** Tries at once; those to webhooks that could not be reached before have places of their own. */
const PLACES = 64;
const PLACES_FOR_FAILING = 32;

/** Its customer finds it among the deliveries, with what mends it. */
const UNSIGNED: TryOutcome = {
  delivered: false,
  status: null,
  error: "the webhook's secret cannot be opened any more; give it a new one",
  answer: null,
};

export interface WebhookDeps {
  readonly db: Database;
  readonly now: () => Date;
  readonly log: Log;
  readonly seal: WebhookSeal;
  /** Called when a try has ended, since more may be due for the same webhook. */
  readonly wake: () => void;
  /** Called with what came of each try that was not broken off by our own end. */
  readonly onTried?: (outcome: TryOutcome) => void;
  readonly send?: typeof sendToWebhook;
  readonly sending?: Pick<SenderOptions, "deadlineMs" | "resolve">;
}

export class WebhookDeliveries {
  readonly #deps: WebhookDeps;
  readonly #ending = new AbortController();
  /** By webhook: one message at a time. */
  readonly #pending = new Map<number, { fails: boolean; ended: Promise<void> }>();

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
  }

  /** @throws LeadershipLostError when another replica leads by now; StoreError when the database failed */
  async pass({ term, now }: { term: number; now: Date }): Promise<void> {
    const { db } = this.#deps;
    const failing = [...this.#pending.values()].filter(({ fails }) => fails).length;
    const request = {
      now,
      busyWebhookIds: [...this.#pending.keys()],
      places: PLACES - (this.#pending.size - failing),
      placesForFailing: PLACES_FOR_FAILING - failing,
    };
    const due = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      await tidyDeliveries(sql, now);
      return takeDue(sql, request);
    });
    const allowLoopback = (await setting(db, "ALLOW_LOOPBACK_WEBHOOKS")) === "on";
    for (const one of due)
      this.#pending.set(one.webhookId, { fails: one.fails, ended: this.#try(one, { term, allowLoopback }) });
  }

  /** Resolves when everything under way has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#pending.values()].map(({ ended }) => ended));
  }

  /** Breaks off what is under way; it is tried again by whoever leads next. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.settled();
  }

  async #try(
    one: DueDelivery,
    { term, allowLoopback }: { term: number; allowLoopback: boolean },
  ): Promise<void> {
    const { db, log, now, wake, seal, onTried, send = sendToWebhook, sending } = this.#deps;
    const signal = this.#ending.signal;
    try {
      const secret = seal.open(one.secret, one);
      const outcome =
        secret === null
          ? UNSIGNED
          : await send({ ...one, secret, deliveryId: one.id }, { ...sending, allowLoopback, now, signal });
      // What was broken off by our own end says nothing of the receiver.
      if (signal.aborted && !outcome.delivered) return;
      onTried?.(outcome);
      await transaction(db, async (sql) => {
        await assertTerm(sql, term);
        await writeOutcome(sql, { id: one.id, outcome, now: now() });
      });
    } catch (error) {
      log.error({ error, delivery: one.id }, "what came of a message to a webhook was not written down");
    } finally {
      this.#pending.delete(one.webhookId);
      wake();
    }
  }
}
