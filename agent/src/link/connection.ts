/**
 * The host's one connection to NATS. It comes back from everything by itself; while it is away, requests fail at
 * once instead of vanishing in a buffer. What it subscribes is checked to be really open: NATS forbids silently.
 */
import {
  connect,
  Events,
  headers,
  jwtAuthenticator,
  type Msg,
  type NatsConnection,
  type Subscription,
} from "nats";
import type { CredentialGrant } from "@remotegpu/shared/joining";
import type { Log } from "@remotegpu/shared/log";
import { hostInbox } from "@remotegpu/shared/subjects";
import { isLoopback } from "./loopback.ts";
import { natsTls } from "./nats-tls.ts";
import type { HostKey } from "./nkey.ts";

const PING_EVERY_MS = 10_000;
const MAX_UNANSWERED_PINGS = 2;
const CONNECT_WITHIN_MS = 5_000;
const RECONNECT_AFTER_MS = 1_000;
const RECONNECT_JITTER_MS = 2_000;
const MAX_REDIAL_MS = 30_000;
/** Away for so long, the addresses may have changed: the credential is renewed to learn them. */
const ADDRESSES_AGE_MS = 60_000;

/** Not connected now, or no answer in time. The caller's loop comes again. */
export class LinkDownError extends Error {
  override name = "LinkDownError";
}

/** `respond` is null when the sender wants no answer. */
export type MessageHandler = (data: Uint8Array, respond: ((answer: Uint8Array) => void) | null) => void;

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
    const isSameServer = grant.nats_urls.join() === before.nats_urls.join() && grant.ca === before.ca;
    if (isSameServer) await this.#current?.reconnect();
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
      const withId = messageId === undefined ? {} : { headers: headersWithId(messageId) };
      return (await connection.request(subject, data, { timeout: timeoutMs, ...withId })).data;
    } catch (cause) {
      throw new LinkDownError(`no answer on ${subject}`, { cause });
    }
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
    const connection = await this.#dial();
    this.#current = connection;
    try {
      if (this.#isClosed) return;
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

  #dial(): Promise<NatsConnection> {
    const { nats_urls: urls, ca, host_id: host } = this.#grant;
    const isTls = ca !== null || urls.every((url) => url.startsWith("tls://"));
    const exposed = urls.find((url) => !isTls && !isLoopback(new URL(url).hostname));
    if (exposed !== undefined) throw new Error(`${exposed} is not TLS, which is allowed on loopback only`);
    return connect({
      servers: urls,
      name: host,
      authenticator: jwtAuthenticator(() => this.#grant.jwt, this.#options.key.seed),
      inboxPrefix: hostInbox(host),
      timeout: CONNECT_WITHIN_MS,
      pingInterval: PING_EVERY_MS,
      maxPingOut: MAX_UNANSWERED_PINGS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_AFTER_MS,
      reconnectJitter: RECONNECT_JITTER_MS,
      reconnectJitterTLS: RECONNECT_JITTER_MS,
      ignoreAuthErrorAbort: true,
      // Without TLS only the loopback address that was checked above may be used.
      ignoreClusterUpdates: !isTls,
      ...(isTls ? { tls: natsTls(urls, ca) } : {}),
    });
  }

  async #openSubscriptions(connection: NatsConnection): Promise<void> {
    const opened = Object.entries(this.#options.subscriptions).map(([subject, handle]) =>
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error) this.#onForbidden(connection, subject, error);
          else handle(message.data, responderOf(message));
        },
      }),
    );
    await connection.flush();
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

function headersWithId(messageId: string) {
  const withId = headers();
  withId.set("Nats-Msg-Id", messageId);
  return withId;
}

function responderOf(message: Msg): ((answer: Uint8Array) => void) | null {
  return message.reply === undefined || message.reply === ""
    ? null
    : (answer) => void message.respond(answer);
}
