/**
 * The host's side of sessions that read output (sessions.ts): opens them, sends as far as the reader's credit goes,
 * and ends each that its reader left, lost or forgot. Where the bytes come from is not its matter. Session ids are
 * unguessable, so who knows one may speak in it.
 */
import type { HostReason } from "@remotegpu/shared/reasons/host-reports/host-reason";
import { type HostStatement, reasonOf, textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import type { HostId } from "@remotegpu/shared/values/ids";
import { afterGrant, afterSending, openSendWindow, sendableBytes } from "@remotegpu/shared/byte-credit";
import type { Log } from "@remotegpu/shared/log";
import {
  LogOpen,
  MAX_CHUNK_BYTES,
  READER_SILENT_MS,
  SessionCredit,
  type SessionClose,
  type SessionData,
  type SessionId,
  type SessionReply,
} from "@remotegpu/shared/messages/sessions";
import { sessionOf, upSession } from "@remotegpu/shared/messages/subjects";
import { decode, encode } from "@remotegpu/shared/messages/wire";
import type { MessageHandler } from "./connection.ts";

/** Each holds a request to the runtime open and one piece of output. */
const MAX_LOG_SESSIONS = 64;
const MAX_SESSIONS_OF_RUN = 16;
const CHECK_EVERY_MS = 5_000;

export type LogPiece = { output: SessionData["stream"]; bytes: Uint8Array };
type CloseReason = SessionClose["reason"];

/** Where the bytes come from. The generator returns why it ended. */
export type LogOpener = (
  open: LogOpen,
  signal: AbortSignal,
) => Promise<
  | { opened: true; pieces: AsyncGenerator<LogPiece, "ended" | "run-over"> }
  | { opened: false; reason: Extract<SessionReply, { kind: "session-refused" }>["reason"]; why: HostReason }
>;

/** The part of a connection that sessions need. */
interface Publisher {
  publish(subject: string, data: Uint8Array): boolean;
  flush(): Promise<void>;
}

type Session = {
  id: SessionId;
  open: LogOpen;
  window: ReturnType<typeof openSendWindow>;
  heardMs: number;
  /** Ends the reading; its reason is what the other side is told, or null where it knows. */
  end: AbortController;
  /** Resolves when there is more credit, or the session ends. */
  moreCredit: () => void;
};

class SessionEnd extends Error {
  override name = "SessionEnd";
  readonly reason: CloseReason | null;

  /** @param reason null: the other side closed it and is told nothing */
  constructor(reason: CloseReason | null) {
    super(reason ?? "left");
    this.reason = reason;
  }
}

export class LogSessions {
  readonly #hostId: HostId;
  readonly #publisher: () => Publisher;
  readonly #opener: LogOpener;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #ends = new Set<Promise<void>>();
  #isStopping = false;
  #check: NodeJS.Timeout | undefined;

  /** @param publisher asked at each message: the connection is made after what it subscribes */
  constructor(parts: {
    hostId: HostId;
    publisher: () => Publisher;
    opener: LogOpener;
    log: Log;
    /** Any clock that only goes forward. */
    nowMs?: () => number;
  }) {
    this.#nowMs = parts.nowMs ?? (() => performance.now());
    this.#hostId = parts.hostId;
    this.#publisher = parts.publisher;
    this.#opener = parts.opener;
    this.#log = parts.log;
  }

  get count(): number {
    return this.#sessions.size;
  }

  readonly onMessage: MessageHandler = (data, respond, subject) => {
    const id = sessionOf(subject);
    if (id === null) return;
    switch (subject.slice(subject.lastIndexOf(".") + 1)) {
      case "open":
        // The control plane always waits for the answer; what asks for none was not sent by it.
        if (respond !== null)
          this.#open(id, data, respond).catch((error: unknown) =>
            this.#log.error({ error }, "a session for output could not be opened"),
          );
        return;
      case "credit":
        return this.#credit(id, data);
      case "close":
        this.#sessions.get(id)?.end.abort(new SessionEnd(null));
        return;
      default:
        return;
    }
  };

  /** Ends all of them, and tells their readers. */
  async close(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#check);
    for (const session of this.#sessions.values()) session.end.abort(new SessionEnd("shutdown"));
    await Promise.all(this.#ends);
    await this.#publisher().flush();
  }

  async #open(id: SessionId, data: Uint8Array, respond: (answer: Uint8Array) => void): Promise<void> {
    const answer = (reply: SessionReply) => respond(encode(reply));
    const refuse = (
      reason: Extract<SessionReply, { kind: "session-refused" }>["reason"],
      why: HostStatement,
    ) => answer({ kind: "session-refused", reason, detail: textOf(why).slice(0, 2000), why: reasonOf(why) });
    const request = decode(LogOpen, data);
    if (!request.ok) return refuse("bad-request", request.reason);
    const open = request.message;
    if (this.#sessions.has(id)) return refuse("bad-request", "this session is open already");
    const obstacle = this.#obstacle(open);
    if (obstacle !== null) return refuse("busy", obstacle);
    const session: Session = {
      id,
      open,
      window: openSendWindow(open.creditBytes),
      heardMs: this.#nowMs(),
      end: new AbortController(),
      moreCredit: () => undefined,
    };
    // Counted from here on: many that are opened at once must not all get past the limit.
    this.#sessions.set(id, session);
    session.end.signal.addEventListener("abort", () => session.moreCredit());
    try {
      const source = await this.#opener(open, session.end.signal);
      if (!source.opened) {
        this.#sessions.delete(id);
        return refuse(source.reason, source.why);
      }
      answer({ kind: "session-opened", inputCreditBytes: 0 });
      this.#begin(session, source.pieces);
    } catch (error) {
      this.#sessions.delete(id);
      refuse("runtime-error", { code: "output-unreadable", params: {} });
      throw error;
    }
  }

  #obstacle({ runId }: LogOpen): HostReason | null {
    if (this.#isStopping) return { code: "output-agent-ending", params: {} };
    if (this.#sessions.size >= MAX_LOG_SESSIONS)
      return { code: "output-readers-of-host-too-many", params: { sessions: MAX_LOG_SESSIONS } };
    const ofRun = [...this.#sessions.values()].filter(({ open }) => open.runId === runId).length;
    if (ofRun < MAX_SESSIONS_OF_RUN) return null;
    const params = { sessions: MAX_SESSIONS_OF_RUN, run_id: runId };
    return { code: "output-readers-of-run-too-many", params };
  }

  #begin(session: Session, pieces: AsyncGenerator<LogPiece, "ended" | "run-over">): void {
    this.#check ??= setInterval(() => this.endSilent(), CHECK_EVERY_MS).unref();
    const ended = this.#untilEnd(session, pieces).finally(() => this.#ends.delete(ended));
    this.#ends.add(ended);
  }

  async #untilEnd(session: Session, pieces: AsyncGenerator<LogPiece, "ended" | "run-over">): Promise<void> {
    const reason = await this.#pump(session, pieces).catch((error: unknown) => {
      if (error instanceof SessionEnd) return error.reason;
      this.#log.warn({ error, runId: session.open.runId }, "a session for output broke off");
      return "error" as const;
    });
    this.#sessions.delete(session.id);
    if (reason !== null) this.#reportClosed(session.id, reason);
  }

  async #pump(
    session: Session,
    pieces: AsyncGenerator<LogPiece, "ended" | "run-over">,
  ): Promise<CloseReason> {
    const { signal } = session.end;
    try {
      for (;;) {
        const next = await pieces.next();
        signal.throwIfAborted();
        if (next.done === true) return next.value;
        await this.#send(session, next.value);
      }
    } catch (error) {
      // Whatever the source throws when it is ended, the reason is the one it was ended with.
      throw signal.aborted ? signal.reason : error;
    } finally {
      await pieces.return("ended").catch(() => undefined);
    }
  }

  async #send(session: Session, { output, bytes }: LogPiece): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      session.end.signal.throwIfAborted();
      const waitingBytes = bytes.length - at;
      const size = sendableBytes(session.window, { waitingBytes, maxChunkBytes: MAX_CHUNK_BYTES });
      if (size <= 0) {
        await new Promise<void>((resolve) => {
          session.moreCredit = resolve;
        });
        continue;
      }
      const chunk: SessionData = {
        kind: "session-data",
        stream: output,
        offset: session.window.sentBytes,
        data: Buffer.from(bytes.subarray(at, at + size)).toString("base64"),
      };
      // While there is no connection the reader hears nothing either; it finds the session gone.
      if (!this.#publisher().publish(upSession(this.#hostId, "logs", session.id, "data"), encode(chunk)))
        throw new SessionEnd("lost");
      session.window = afterSending(session.window, size);
      at += size;
    }
  }

  #credit(id: SessionId, data: Uint8Array): void {
    const session = this.#sessions.get(id);
    // An agent that was started anew knows nothing of the sessions before it; their readers must not wait for ever.
    if (session === undefined) return this.#reportClosed(id, "shutdown");
    const credit = decode(SessionCredit, data);
    if (!credit.ok) return;
    session.heardMs = this.#nowMs();
    session.window = afterGrant(session.window, credit.message.upToByte);
    session.moreCredit();
  }

  /** Looked after every few seconds while there are sessions. */
  endSilent(): void {
    const nowMs = this.#nowMs();
    for (const session of this.#sessions.values())
      if (nowMs - session.heardMs > READER_SILENT_MS) session.end.abort(new SessionEnd("too-slow"));
  }

  #reportClosed(id: SessionId, reason: CloseReason): void {
    const close: SessionClose = { kind: "session-close", reason, exitCode: null, detail: "" };
    this.#publisher().publish(upSession(this.#hostId, "logs", id, "close"), encode(close));
  }
}
