/**
 * One reader of a stream: what they listen to, what they have not taken yet, and the answer that they read. Nothing waits
 * for them: while they do not read, what they are told gathers without growing, and after a while they are let go.
 */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { Backlog } from "../../core/stream/backlog.ts";
import {
  closedFrame,
  framesOf,
  OPENING,
  type Place,
  placeFrame,
  stillHere,
} from "../../core/stream/frames.ts";
import type { StreamUpdate } from "../../core/stream/updates.ts";
import type { Sight, Topic } from "../../core/stream/topics.ts";

/** The bytes that the answer holds, beyond what the connection takes. */
const BUFFERED_BYTES = 64 * 1024;
const STUCK_MS = 20 * MS_PER_SECOND;
const COMMENT_EVERY_MS = 15 * MS_PER_SECOND;

const ENCODER = new TextEncoder();

export interface Reading {
  apiKeyId: number;
  /** Null where a key asks. */
  sessionId: number | null;
  topics: ReadonlyMap<string, Topic>;
  sight: Sight;
  /** What the browser has had last; null where it begins. */
  lastEventId: string | null;
  /** Cuts the connection. */
  cut: () => void;
}

export class StreamReader {
  readonly reading: Reading;
  readonly body: ReadableStream<Uint8Array>;
  readonly #backlog = new Backlog();
  readonly #topics: Map<string, Topic>;
  #sight: Sight;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #stuckSinceMs: number | null = null;
  #spokeMs = 0;
  #group: string | null = null;

  constructor(reading: Reading, onLeave: (reader: StreamReader) => void) {
    this.reading = reading;
    this.#topics = new Map(reading.topics);
    this.#sight = reading.sight;
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          controller.enqueue(ENCODER.encode(OPENING));
        },
        cancel: () => {
          this.#controller = null;
          onLeave(this);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BUFFERED_BYTES }),
    );
  }

  get topics(): ReadonlyMap<string, Topic> {
    return this.#topics;
  }

  get sight(): Sight {
    return this.#sight;
  }

  /** Those who are told the same. */
  get group(): string {
    const { isAdmin, customerId } = this.#sight;
    this.#group ??= `${isAdmin ? "admin" : customerId} ${[...this.#topics.keys()].toSorted().join(",")}`;
    return this.#group;
  }

  see(sight: Sight): void {
    this.#sight = sight;
    this.#group = null;
  }

  /** They may not hear of it any more. */
  close(topic: string): void {
    this.#topics.delete(topic);
    this.#group = null;
    this.#controller?.enqueue(ENCODER.encode(closedFrame(topic)));
  }

  /** From there on they are told everything. */
  begin(place: Place): void {
    this.#controller?.enqueue(ENCODER.encode(placeFrame(place)));
  }

  add(update: StreamUpdate): void {
    this.#backlog.add(update);
  }

  /** Whether they have taken all that they were told before. */
  get isUpToDate(): boolean {
    return this.#backlog.isEmpty && (this.#controller?.desiredSize ?? 0) > 0;
  }

  /** As it was made for all of their group. */
  send(bytes: Uint8Array, nowMs: number): void {
    this.#controller?.enqueue(bytes);
    this.#spokeMs = nowMs;
    this.#stuckSinceMs = null;
  }

  /** Gives what gathered, as far as they read; false where they have not for too long. */
  flush(place: Place, nowMs: number): boolean {
    if ((this.#controller?.desiredSize ?? 0) <= 0) {
      this.#stuckSinceMs ??= nowMs;
      return nowMs - this.#stuckSinceMs < STUCK_MS;
    }
    this.#stuckSinceMs = null;
    if (!this.#backlog.isEmpty) this.send(ENCODER.encode(framesOf(this.#backlog.take(), place)), nowMs);
    else if (nowMs - this.#spokeMs >= COMMENT_EVERY_MS) this.send(ENCODER.encode(stillHere(place)), nowMs);
    return true;
  }

  /** In order: what was written arrives. */
  end(): void {
    this.#controller?.close();
    this.#controller = null;
  }

  /** Without the rest; where nobody can be cut off, they read it and then the end. */
  drop(): void {
    const controller = this.#controller;
    this.#controller = null;
    this.reading.cut();
    controller?.close();
  }
}
