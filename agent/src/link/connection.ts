/**
 * The host's one connection to NATS. It comes back from everything by itself; while it is away, requests fail at
 * once instead of vanishing in a buffer. What it subscribes is checked to be really open: NATS forbids silently.
 */
import { Events, headers, type Msg, type NatsConnection, type Subscription } from "nats";
import type { CredentialGrant } from "@remotegpu/shared/messages/joining";
import type { Log } from "@remotegpu/shared/log";
import { inTraceOf, withTrace } from "@remotegpu/shared/messages/message-trace";
import { dialNats, isSameServer, RECONNECT_AFTER_MS, RECONNECT_JITTER_MS } from "./nats-dial.ts";
import type { HostKey } from "./nkey.ts";

const MAX_REDIAL_MS = 30_000;
const FLUSH_WITHIN_MS = 1_000;
/** Away for so long, the addresses may have changed: the credential is renewed to learn them. */
const ADDRESSES_AGE_MS = 60_000;

/** Not connected now, or no answer in time. The caller's loop comes again. */
export class LinkDownError extends Error {
  override name = "LinkDownError";
}

/** `respond` is null when the sender wants no answer. `subject` tells the messages of a wildcard apart. */
export type MessageHandler = (
  data: Uint8Array,
  respond: ((answer: Uint8Array) => void) | null,
  subject: string,
) => void;

export interface ConnectionOptions {
  grant: CredentialGrant;
  key: HostKey;
  /** Subscribed anew on every connection, before `onConnected`. */
  subscriptions: Record<string, MessageHandler>;
  onConnected: () => void;
  /** The credential is refused, or no address answers: it should be renewed. */
  onRefused: () => void;
  log: Log;
}

export class HostConnection {
  readonly #options: ConnectionOptions;
  #grant: CredentialGrant;
  #current: NatsConnection | null = null;
  #isConnected = false;
  #isClosed = false;
  #redials = 0;
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;
  #away: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#grant = options.grant;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Connects in the background, for as long as it takes. */
  start(): void {
    this.#away = setInterval(() => {
      if (!this.#isConnected) this.#options.onRefused();
    }, ADDRESSES_AGE_MS);
    this.#loop = this.#run();
  }

  /** A renewed credential takes effect only by connecting again with it. */
  async renew(grant: CredentialGrant): Promise<void> {
    const before = this.#grant;
    this.#grant = grant;
    if (isSameServer(before, grant)) await this.#current?.reconnect();
    else await this.#current?.close();
    this.#wake();
  }

  /**
   * Asks and waits for the one answer.
   * @throws LinkDownError
   */
  async request(
    subject: string,
    data: Uint8Array,
    { timeoutMs, messageId }: { timeoutMs: number; messageId?: string },
  ): Promise<Uint8Array> {
    const connection = this.#current;
    if (connection === null || !this.#isConnected) throw new LinkDownError("not connected to NATS");
    try {
      const sent = { timeout: timeoutMs, headers: withTrace(headersWithId(messageId)) };
      return (await connection.request(subject, data, sent)).data;
    } catch (cause) {
      throw new LinkDownError(`no answer on ${subject}`, { cause });
    }
  }

  /** Sends without waiting for anything. False, and nothing is sent, while there is no connection. */
  publish(subject: string, data: Uint8Array): boolean {
    if (this.#current === null || !this.#isConnected) return false;
    this.#current.publish(subject, data);
    return true;
  }

  /** Waits until the server has what was published, or the connection is gone, but not for long. */
  async flush(): Promise<void> {
    const connection = this.#current;
    if (connection === null || !this.#isConnected) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_WITHIN_MS);
    });
    await Promise.race([connection.flush(), connection.closed(), late]);
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#away);
    this.#wake();
    await this.#current?.close();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        await this.#connectUntilClosed();
      } catch (error) {
        this.#options.log.warn({ error }, "cannot connect to NATS yet");
        if (isRefusal(error)) this.#options.onRefused();
      }
      if (!this.#isClosed) await this.#pauseBeforeRedial();
    }
  }

  async #connectUntilClosed(): Promise<void> {
    const dialled = this.#grant;
    const connection = await dialNats(() => this.#grant, this.#options.key);
    this.#current = connection;
    try {
      if (this.#isClosed || !isSameServer(dialled, this.#grant)) return;
      // The library never ends this iteration, not even with the connection, so nobody waits for it.
      void this.#followStatus(connection);
      await this.#openSubscriptions(connection);
      this.#setConnected();
      await connection.closed();
    } finally {
      this.#isConnected = false;
      this.#current = null;
      await connection.close();
    }
  }

  async #openSubscriptions(connection: NatsConnection): Promise<void> {
    const opened = Object.entries(this.#options.subscriptions).map(([subject, handle]) =>
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error) this.#onForbidden(connection, subject, error);
          else inTraceOf(message, () => handle(message.data, responderOf(message), message.subject));
        },
      }),
    );
    // A flush that is under way when the connection closes is never answered.
    await Promise.race([connection.flush(), connection.closed()]);
    const closed = opened.find((subscription: Subscription) => subscription.isClosed());
    if (closed !== undefined) throw new Error(`NATS forbids this host to subscribe ${closed.getSubject()}`);
  }

  /** Deaf is worse than away: the connection is closed and made anew. */
  #onForbidden(connection: NatsConnection, subject: string, error: Error): void {
    this.#options.log.error({ error, subject }, "NATS forbids this host a subscription of its own");
    void connection.close();
  }

  async #followStatus(connection: NatsConnection): Promise<void> {
    for await (const { type, data } of connection.status()) {
      if (type === Events.Disconnect) {
        this.#isConnected = false;
        this.#options.log.warn({ server: data }, "lost the connection to NATS");
      } else if (type === Events.Reconnect) this.#setConnected();
      else if (type === Events.Error && isAuthenticationError(data)) this.#options.onRefused();
    }
  }

  #setConnected(): void {
    this.#isConnected = true;
    this.#redials = 0;
    this.#options.log.info({}, "connected to NATS");
    this.#options.onConnected();
  }

  async #pauseBeforeRedial(): Promise<void> {
    const waitMs =
      Math.min(RECONNECT_AFTER_MS * 2 ** this.#redials, MAX_REDIAL_MS) + Math.random() * RECONNECT_JITTER_MS;
    this.#redials += 1;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const AUTHENTICATION_ERRORS: ReadonlySet<string> = new Set([
  "AUTHORIZATION_VIOLATION",
  "AUTHENTICATION_EXPIRED",
  "AUTHENTICATION_TIMEOUT",
]);

function isRefusal(error: unknown): boolean {
  return error instanceof Error && "code" in error && isAuthenticationError(error.code);
}

function isAuthenticationError(code: unknown): boolean {
  return typeof code === "string" && AUTHENTICATION_ERRORS.has(code);
}

function headersWithId(messageId: string | undefined) {
  const withId = headers();
  if (messageId !== undefined) withId.set("Nats-Msg-Id", messageId);
  return withId;
}

function responderOf(message: Msg): ((answer: Uint8Array) => void) | null {
  return message.reply === undefined || message.reply === ""
    ? null
    : (answer) => void message.respond(answer);
}
