/**
 * Reading a run's output on its host (sessions.ts). A stream is pulled: no more is under way than the reader's credit,
 * so a slow reader holds back the host and fills no memory here. Whatever a host sends that does not add up ends that
 * one stream.
 */
import { randomBytes } from "node:crypto";
import { headers, type Msg, type NatsConnection, type Subscription } from "nats";
import { z } from "zod";
import {
  afterTaking,
  dueGrant,
  openReceiveWindow,
  receive,
  type ReceiveWindow,
} from "@remotegpu/shared/byte-credit";
import type { HostId } from "@remotegpu/shared/values/ids";
import type {
  LogEnd,
  LogNext,
  LogOpening,
  LogQuery,
  LogStream,
  Reader,
} from "../../core/workloads/log-stream.ts";
import { reportedReason } from "../../core/reasons/host-report.ts";
import { asReported, type Reason } from "../../core/reasons/reason.ts";
import { withTrace } from "@remotegpu/shared/messages/message-trace";
import { Refusal } from "@remotegpu/shared/messages/protocol";
import {
  SEND_CREDIT_EVERY_MS,
  SessionClose,
  SessionData,
  SessionId,
  SessionReply,
  type LogOpen,
  type SessionCredit,
} from "@remotegpu/shared/messages/sessions";
import { downSession, upSession } from "@remotegpu/shared/messages/subjects";
import { KIB } from "@remotegpu/shared/values/units";
import { decode, encode } from "@remotegpu/shared/messages/wire";

/** Under way and waiting together, for each stream. */
export const CREDIT_BYTES = 512 * KIB;
/** Together they hold CREDIT_BYTES each at most. */
const MAX_STREAMS = 256;
export const MAX_STREAMS_OF_HOST = 32;
/** One reader must not keep the others of a host from theirs. */
export const MAX_STREAMS_OF_READER = 16;
const OPEN_WITHIN_MS = 15_000;
/** Chunks that come twice do no harm; a host that sends nothing else does. */
const MAX_REPEATS = 100;

const Answer = z.union([SessionReply, Refusal]);

export class LogStreams {
  readonly #connection: NatsConnection;
  readonly #streams = new Set<Stream>();

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  get count(): number {
    return this.#streams.size;
  }

  async open(host: HostId, query: LogQuery, reader: Reader): Promise<LogOpening> {
    const obstacle = this.#obstacle(host, reader);
    if (obstacle !== null) return { opened: false, reason: "busy", why: obstacle };
    const stream = new Stream(this.#connection, { host, reader }, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    const refusal = await stream.open(query);
    if (refusal === null) return { opened: true, stream };
    stream.leave();
    return { opened: false, ...refusal };
  }

  /** Ends all of them. */
  close(): void {
    for (const stream of this.#streams)
      stream.end({ isWhole: false, reason: "shutdown", detail: "the control plane is being restarted" });
  }

  #obstacle(host: HostId, reader: Reader): Reason | null {
    if (this.#connection.isClosed()) return { code: "log-server-ending", params: {} };
    if (this.#streams.size >= MAX_STREAMS)
      return { code: "outputs-of-server-too-many", params: { outputs: MAX_STREAMS } };
    const ofReader = [...this.#streams].filter((stream) => stream.reader === reader).length;
    if (ofReader >= MAX_STREAMS_OF_READER)
      return { code: "outputs-of-reader-too-many", params: { outputs: MAX_STREAMS_OF_READER } };
    const ofHost = [...this.#streams].filter((stream) => stream.host === host).length;
    if (ofHost < MAX_STREAMS_OF_HOST) return null;
    return { code: "readers-of-host-too-many", params: { readers: MAX_STREAMS_OF_HOST } };
  }
}

/** Any 24 random bytes: enough that nobody guesses it. */
const ID_BYTES = 24;

class Stream implements LogStream {
  readonly host: HostId;
  readonly reader: Reader;
  readonly #connection: NatsConnection;
  readonly #id: SessionId = SessionId.parse(randomBytes(ID_BYTES).toString("base64url"));
  readonly #onEnd: () => void;
  readonly #subscription: Subscription;
  #window: ReceiveWindow = openReceiveWindow(CREDIT_BYTES);
  #waiting: Uint8Array[] = [];
  #end: LogEnd | null = null;
  #repeats = 0;
  #wake: () => void = () => undefined;
  #printing: NodeJS.Timeout | undefined;

  constructor(
    connection: NatsConnection,
    { host, reader }: { host: HostId; reader: Reader },
    onEnd: () => void,
  ) {
    this.host = host;
    this.reader = reader;
    this.#connection = connection;
    this.#onEnd = onEnd;
    // Before the opening, so that the first chunk finds it.
    this.#subscription = connection.subscribe(upSession(host, "logs", this.#id, "*"), {
      callback: (broken, message) => {
        if (broken) this.end({ isWhole: false, reason: "error", detail: "its subscription broke" });
        else this.#take(message);
      },
    });
  }

  /** Null when it is open. */
  async open(query: LogQuery): Promise<Omit<Extract<LogOpening, { opened: false }>, "opened"> | null> {
    const open: LogOpen = { kind: "log-open", ...query, creditBytes: CREDIT_BYTES };
    let bytes: Uint8Array;
    try {
      const subject = downSession(this.host, "logs", this.#id, "open");
      const sent = { timeout: OPEN_WITHIN_MS, headers: withTrace(headers()) };
      bytes = (await this.#connection.request(subject, encode(open), sent)).data;
    } catch {
      // No agent listens there, or it does not answer in time: an expected outcome, told as one.
      return { reason: "unreachable", why: { code: "agent-not-answering", params: {} } };
    }
    const answer = decode(Answer, bytes);
    if (!answer.ok)
      return { reason: "refused", why: { code: "agent-answer-unknown", params: { problem: answer.reason } } };
    switch (answer.message.kind) {
      case "session-opened":
        this.#printing = setInterval(() => this.#sendCredit(), SEND_CREDIT_EVERY_MS).unref();
        return null;
      case "session-refused": {
        const { reason, detail, why } = answer.message;
        const kind = reason === "busy" || reason === "no-such-run" ? reason : "refused";
        return { reason: kind, why: reportedReason(detail, why) };
      }
      case "refused":
        return { reason: "refused", why: asReported(answer.message.reason) };
    }
  }

  async next(): Promise<LogNext> {
    for (;;) {
      const bytes = this.#waiting.shift();
      if (bytes !== undefined) {
        this.#taken(bytes.length);
        return { kind: "bytes", bytes };
      }
      if (this.#end !== null) return { kind: "end", end: this.#end };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  leave(): void {
    this.#waiting = [];
    this.end({ isWhole: false, reason: "left", detail: "the reader left" });
  }

  giveUp(detail: string): void {
    this.end({ isWhole: false, reason: "left", detail });
  }

  /** The first end stays. What waits is still read. */
  end(end: LogEnd, { isReported = true }: { isReported?: boolean } = {}): void {
    if (this.#end !== null) return;
    this.#end = end;
    clearInterval(this.#printing);
    this.#subscription.unsubscribe();
    if (isReported) {
      const { reason } = end;
      const close: SessionClose = { kind: "session-close", reason, exitCode: null, detail: "" };
      this.#publish("close", close);
    }
    this.#onEnd();
    this.#wake();
  }

  #take(message: Msg): void {
    if (this.#end !== null) return;
    switch (message.subject.slice(message.subject.lastIndexOf(".") + 1)) {
      case "data":
        return this.#takeData(message.data);
      case "close": {
        const close = decode(SessionClose, message.data);
        if (!close.ok) return this.#endAsGarbled(close.reason);
        const { reason, detail } = close.message;
        const isWhole = reason === "ended" || reason === "run-over";
        return this.end({ isWhole, reason, detail }, { isReported: false });
      }
      default:
        return this.#endAsGarbled("no such word");
    }
  }

  #takeData(data: Uint8Array): void {
    const chunk = decode(SessionData, data);
    if (!chunk.ok) return this.#endAsGarbled(chunk.reason);
    const bytes = Buffer.from(chunk.message.data, "base64");
    const received = receive(this.#window, { offset: chunk.message.offset, bytes: bytes.length });
    switch (received.outcome) {
      case "next":
        this.#window = received.window;
        this.#waiting.push(bytes);
        return this.#wake();
      case "repeated":
        this.#repeats += 1;
        if (this.#repeats <= MAX_REPEATS) return undefined;
        return this.#endAsGarbled(`${this.#repeats} chunks came twice`);
      case "lost":
        return this.end({ isWhole: false, reason: "lost", detail: "a part was lost on the way" });
      case "beyond-credit":
        return this.end({
          isWhole: false,
          reason: "beyond-credit",
          detail: "its host sent more than it was asked for",
        });
    }
  }

  #endAsGarbled(reason: string): void {
    this.end({ isWhole: false, reason: "error", detail: `its host sent what makes no sense: ${reason}` });
  }

  #taken(bytes: number): void {
    this.#window = afterTaking(this.#window, bytes);
    const grant = dueGrant(this.#window);
    if (grant === null || this.#end !== null) return;
    this.#window = grant.window;
    this.#sendCredit();
  }

  #sendCredit(): void {
    const credit: SessionCredit = { kind: "session-credit", upToByte: this.#window.grantedBytes };
    this.#publish("credit", credit);
  }

  #publish(word: "credit" | "close", message: object): void {
    if (!this.#connection.isClosed())
      this.#connection.publish(downSession(this.host, "logs", this.#id, word), encode(message));
  }
}
