/**
 * One connection to /stream, kept up: it begins again where it broke off, later and later, and at once with other topics.
 * Of what events
 * mean it knows only which topics are not to be had.
 */
import { readStream } from "@remotegpu/control-plane/client/generated/api";
import type { Problem } from "@remotegpu/control-plane/client/generated/api.schemas";
import { addressOf } from "@remotegpu/control-plane/client/api-request";
import type { StreamTopic } from "@remotegpu/control-plane/client/stream-topics";
import { dataOf, EventReader, type ServerEvent } from "./sse.ts";

/** The server says something every 15 s; after this silence the way to it is dead. */
const SILENCE_MS = 40_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** Panels come and go together. */
const SETTLE_MS = 150;

export interface StreamListener {
  onEvent(event: ServerEvent): void;
  /** @param added topics whose changes were not told before */
  onOpen(added: readonly string[]): void;
  onLost(): void;
  /** All that the server tells nothing of to whoever is logged in. */
  onRefused(topics: readonly string[]): void;
}

export class Stream {
  readonly #listener: StreamListener;
  #topics: readonly StreamTopic[] = [];
  #refused = new Set<string>();
  #reported: readonly string[] = [];
  #lastId: string | null = null;
  #waitMs = FIRST_WAIT_MS;
  #connection: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  get refused(): readonly string[] {
    return [...this.#refused];
  }

  /** An empty list ends the connection until there is something to ask for. */
  follow(topics: readonly StreamTopic[]): void {
    const wanted = topics.filter((topic) => !this.#refused.has(topic)).toSorted();
    if (this.#isClosed || wanted.join() === this.#topics.join()) return;
    this.#topics = wanted;
    this.#later(SETTLE_MS);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#connection?.abort();
  }

  #later(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), ms);
  }

  async #connect(): Promise<void> {
    this.#connection?.abort();
    if (this.#topics.length === 0) {
      this.#reported = [];
      return;
    }
    const connection = new AbortController();
    this.#connection = connection;
    try {
      await this.#read(connection);
    } catch (error) {
      // Another connection has taken its place, or nobody wants one.
      if (connection.signal.aborted && this.#connection !== connection) return;
      console.debug("the stream ended", error);
    }
    if (this.#isClosed || this.#connection !== connection) return;
    this.#listener.onLost();
    this.#later(this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, LONGEST_WAIT_MS);
  }

  async #read(connection: AbortController): Promise<void> {
    const topics = this.#topics;
    const response = await fetch(addressOf(readStream({ topics: topics.join(",") })), {
      signal: connection.signal,
      credentials: "same-origin",
      headers: {
        Accept: "text/event-stream",
        ...(this.#lastId !== null && { "Last-Event-ID": this.#lastId }),
      },
    });
    if (!response.ok || response.body === null) {
      await this.#learnRefusal(response);
      throw new Error(`the stream was refused (${response.status})`);
    }
    this.#waitMs = FIRST_WAIT_MS;
    const added = topics.filter((topic) => !this.#reported.includes(topic));
    this.#reported = topics;
    this.#listener.onOpen(added);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const events = new EventReader();
    for (;;) {
      const silence = setTimeout(() => connection.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) throw new Error("the server ended the stream");
      for (const event of events.read(value)) this.#take(event);
      this.#lastId = events.lastId ?? this.#lastId;
    }
  }

  #take(event: ServerEvent): void {
    if (event.name === "closed") this.#refuse([dataOf("closed", event).topic]);
    this.#listener.onEvent(event);
  }

  /** Forbidden and unknown topics are named; the others are asked for without them. */
  async #learnRefusal(response: Response): Promise<void> {
    if (response.status !== 403 && response.status !== 422) return;
    const { refused_topics: named = [] } = (await response.json()) as Partial<Problem>;
    if (named.length > 0) this.#refuse(named);
  }

  #refuse(topics: readonly string[]): void {
    for (const topic of topics) this.#refused.add(topic);
    this.#topics = this.#topics.filter((topic) => !this.#refused.has(topic));
    this.#listener.onRefused(this.refused);
  }
}
