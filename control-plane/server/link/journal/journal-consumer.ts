/**
 * Takes batches out of the journal stream and hands them to ingest. A message is acknowledged only after the handler
 * has resolved (that is, committed). While the stream is away it asks whoever keeps it (journal-stream.ts), waits, and
 * goes on by itself.
 */
import type { JsMsg, NatsConnection } from "nats";
import { HostId } from "@remotegpu/shared/values/ids";
import { JournalBatch } from "@remotegpu/shared/proof/journal-row";
import type { Log } from "@remotegpu/shared/log";
import { inTraceOf } from "@remotegpu/shared/messages/message-trace";
import { hostOf, JOURNAL_CONSUMER, JOURNAL_STREAM } from "@remotegpu/shared/messages/subjects";
import { decode } from "@remotegpu/shared/messages/wire";

/** Those of as many hosts may be decided in one transaction. All are in memory, each up to MAX_BATCH_BYTES. */
const MAX_IN_FLIGHT = 64;
/** A batch that fails this often is dropped from the stream; its host sends the rows again. */
const MAX_DELIVERIES = 20;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
const FETCH_WAIT_MS = 5_000;
const TRY_AGAIN_AFTER_MS = 1_000;
const NANOS_PER_MS = 1_000_000;
/** What is no batch is told this often of each host; the rest of a flood of it is only dropped. */
const MALFORMED_REPORTED_EVERY_MS = 10_000;

export interface JournalHandler {
  /**
   * Resolves once the batch is decided and committed; throws when the world failed and it must come again.
   * @param sentAt when the stream took it, by the clock of NATS
   */
  ingest(host: HostId, batch: JournalBatch, sentAt: Date): Promise<void>;
  /** Something on a host's journal subject that is no batch; it is dropped. */
  malformed(host: string | null, reason: string): Promise<void>;
}

/** Feeds ingest until `stop` resolves. Any number of replicas share the one consumer. */
export class JournalConsumer {
  readonly #connection: NatsConnection;
  readonly #handler: JournalHandler;
  readonly #log: Log;
  readonly #repair: () => Promise<unknown>;
  readonly #stopping = new AbortController();
  readonly #malformedReportedMs = new Map<string, number>();
  #loop: Promise<void> = Promise.resolve();

  /** `repair` resolves when the stream has been looked at, and made again if it was gone. */
  constructor(
    connection: NatsConnection,
    handler: JournalHandler,
    { repair, log }: { repair: () => Promise<unknown>; log: Log },
  ) {
    this.#connection = connection;
    this.#handler = handler;
    this.#repair = repair;
    this.#log = log;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Resolves when the batches in hand are decided. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    let isAway = false;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#handleNextMessages();
        isAway = false;
      } catch (error) {
        if (this.#connection.isClosed()) return;
        // It may last for days: said once.
        if (!isAway) this.#log.warn({ error }, "the journal stream does not answer; usage waits for it");
        isAway = true;
        await this.#repaired();
      }
    }
  }

  async #handleNextMessages(): Promise<void> {
    const consumer = await this.#connection.jetstream().consumers.get(JOURNAL_STREAM, JOURNAL_CONSUMER);
    const messages = await consumer.fetch({ max_messages: MAX_IN_FLIGHT, expires: FETCH_WAIT_MS });
    const stop = () => messages.stop();
    this.#stopping.signal.addEventListener("abort", stop);
    try {
      const ofHost = new Map<string, Promise<void>>();
      for await (const message of messages) {
        // One host's batches follow each other; hosts do not wait for one another.
        const before = ofHost.get(message.subject) ?? Promise.resolve();
        ofHost.set(
          message.subject,
          before.then(() => inTraceOf(message, () => this.#handle(message))),
        );
      }
      await Promise.all(ofHost.values());
    } finally {
      this.#stopping.signal.removeEventListener("abort", stop);
    }
  }

  async #handle(message: JsMsg): Promise<void> {
    const host = HostId.safeParse(hostOf(message.subject));
    const batch = decode(JournalBatch, message.data);
    try {
      if (!host.success || !batch.ok) {
        const reason = batch.ok ? "the subject names no host" : batch.reason;
        await this.#reportMalformed(host.data ?? null, reason);
        message.term(reason);
        return;
      }
      const sentAt = new Date(message.info.timestampNanos / NANOS_PER_MS);
      await this.#handler.ingest(host.data, batch.message, sentAt);
      message.ack();
    } catch (error) {
      this.#postpone(message, error);
    }
  }

  async #reportMalformed(host: string | null, reason: string): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - (this.#malformedReportedMs.get(host ?? "") ?? -Infinity) < MALFORMED_REPORTED_EVERY_MS)
      return;
    await this.#handler.malformed(host, reason);
    this.#malformedReportedMs.set(host ?? "", nowMs);
  }

  #postpone(message: JsMsg, error: unknown): void {
    const deliveries = message.info.deliveryCount;
    const fields = { error, subject: message.subject, deliveries };
    if (deliveries >= MAX_DELIVERIES) {
      this.#log.error(fields, "a batch failed too often and leaves the stream; its host will send it again");
      message.term("failed too often");
      return;
    }
    this.#log.warn(fields, "a batch could not be decided and comes again");
    message.nak(Math.min(FIRST_RETRY_MS * 2 ** (deliveries - 1), MAX_RETRY_MS));
  }

  /** Whether or not it could be mended: the next fetch shows it. */
  async #repaired(): Promise<void> {
    await this.#repair().catch((error: unknown) => {
      this.#log.warn({ error }, "the journal stream cannot be inspected");
    });
    if (this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, TRY_AGAIN_AFTER_MS);
      this.#stopping.signal.addEventListener(
        "abort",
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}
