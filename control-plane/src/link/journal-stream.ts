/**
 * The stream between the hosts' journals and ingest. It owns nothing: a message is acknowledged only after the
 * handler has resolved (that is, committed), and whatever the stream loses is sent again by the agents. A wiped
 * server gets its stream and consumer back here.
 */
import {
  AckPolicy,
  DiscardPolicy,
  nanos,
  RetentionPolicy,
  StorageType,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
} from "nats";
import { HostId } from "@remotegpu/shared/ids";
import { JournalBatch, MAX_BATCH_BYTES } from "@remotegpu/shared/journal-row";
import type { Log } from "@remotegpu/shared/log";
import { hostOf, JOURNAL_CONSUMER, JOURNAL_STREAM, upOfAllHosts } from "@remotegpu/shared/subjects";
import { KIB } from "@remotegpu/shared/units";
import { decode } from "@remotegpu/shared/wire";

const MAX_MESSAGES_PER_HOST = 10_000;
/** Shorter than the agents' 60 s re-send, so that a re-sent batch is never taken for a double. */
const DUPLICATE_WINDOW_MS = 30_000;
const HANDLE_WITHIN_MS = 60_000;
/** Those of as many hosts may be decided in one transaction. All are in memory, each up to MAX_BATCH_BYTES. */
const MAX_IN_FLIGHT = 64;
const MAX_UNACKNOWLEDGED = 4_096;
/** A batch that fails this often is dropped from the stream; its host sends the rows again. */
const MAX_DELIVERIES = 20;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
const FETCH_WAIT_MS = 5_000;
const REPAIR_EVERY_MS = 1_000;
/** What is no batch is told this often of each host; the rest of a flood of it is only dropped. */
const MALFORMED_TOLD_EVERY_MS = 10_000;

export interface JournalHandler {
  /** Resolves once the batch is decided and committed; throws when the world failed and it must come again. */
  ingest(host: HostId, batch: JournalBatch): Promise<void>;
  /** Something on a host's journal subject that is no batch; it is dropped. */
  malformed(host: string | null, reason: string): Promise<void>;
}

export interface StreamLimits {
  maxMessagesPerHost: number;
  replicas: number;
}

const LIMITS: StreamLimits = { maxMessagesPerHost: MAX_MESSAGES_PER_HOST, replicas: 1 };

/** Creates the stream and its one consumer, or brings them to what they should be. */
export async function ensureJournalStream(connection: NatsConnection, limits = LIMITS): Promise<void> {
  const manager = await connection.jetstreamManager();
  const config = {
    name: JOURNAL_STREAM,
    subjects: [upOfAllHosts("j")],
    storage: StorageType.File,
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_msgs_per_subject: limits.maxMessagesPerHost,
    discard_new_per_subject: true,
    max_msg_size: MAX_BATCH_BYTES + 16 * KIB,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    num_replicas: limits.replicas,
    // A header of a hostile host must not roll the stream up, and nobody deletes from it but the consumer.
    allow_rollup_hdrs: false,
    deny_delete: true,
  };
  if (await streamExists(manager)) await manager.streams.update(JOURNAL_STREAM, config);
  else await manager.streams.add(config);
  await manager.consumers.add(JOURNAL_STREAM, {
    durable_name: JOURNAL_CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(HANDLE_WITHIN_MS),
    max_ack_pending: MAX_UNACKNOWLEDGED,
    max_deliver: -1,
  });
}

async function streamExists(manager: JetStreamManager): Promise<boolean> {
  for await (const name of manager.streams.names(upOfAllHosts("j"))) if (name === JOURNAL_STREAM) return true;
  return false;
}

/** Feeds ingest until `stop` resolves. Any number of replicas share the one consumer. */
export class JournalConsumer {
  readonly #connection: NatsConnection;
  readonly #handler: JournalHandler;
  readonly #log: Log;
  readonly #limits: StreamLimits;
  readonly #stopping = new AbortController();
  readonly #malformedToldMs = new Map<string, number>();
  #loop: Promise<void> = Promise.resolve();

  constructor(connection: NatsConnection, handler: JournalHandler, log: Log, limits = LIMITS) {
    this.#connection = connection;
    this.#handler = handler;
    this.#log = log;
    this.#limits = limits;
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
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#handleNextMessages();
      } catch (error) {
        if (this.#connection.isClosed()) return;
        this.#log.warn({ error }, "the journal stream does not answer; it is made again if it is gone");
        await this.#repair();
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
          before.then(() => this.#handle(message)),
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
        await this.#tellMalformed(host.data ?? null, reason);
        message.term(reason);
        return;
      }
      await this.#handler.ingest(host.data, batch.message);
      message.ack();
    } catch (error) {
      this.#postpone(message, error);
    }
  }

  async #tellMalformed(host: string | null, reason: string): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - (this.#malformedToldMs.get(host ?? "") ?? -Infinity) < MALFORMED_TOLD_EVERY_MS) return;
    await this.#handler.malformed(host, reason);
    this.#malformedToldMs.set(host ?? "", nowMs);
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

  async #repair(): Promise<void> {
    try {
      await ensureJournalStream(this.#connection, this.#limits);
    } catch (error) {
      this.#log.warn({ error }, "the journal stream cannot be made yet");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, REPAIR_EVERY_MS);
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
}
