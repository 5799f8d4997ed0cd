/**
 * The broker's hold on the relay: starts it, starts it again when it ends, and answers its wish for a way into a
 * container. What it says is parsed; one that says nonsense is ended. It outlives the broker that it works for: what it
 * tells while there is none waits for the next one.
 */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "node:net";
import type { LeaseId, RunId } from "@remotegpu/shared/ids";
import type { Log } from "@remotegpu/shared/log";
import type { BindOutcome } from "../core/leases/lease.ts";
import type { GatewayIdentity } from "./relay/gateway-identity.ts";
import { DialError } from "./dial.ts";
import type { LeaseToBind } from "./lease-keeper.ts";
import {
  NOBODY,
  outcomeOf,
  RelayError,
  type Dialled,
  type Listener,
  type RelayHandlers,
} from "./relay-handlers.ts";
import { asSendable, isListenerHandle, type ListenerHandle } from "./relay/listener-handle.ts";
import { type DialTarget, FromRelay, type ToRelay } from "./relay/relay-messages.ts";

/** In a checkout the relay's own main, in a bundle a file beside this one. */
const RELAY = import.meta.filename.endsWith(".mjs")
  ? join(import.meta.dirname, "access-relay.mjs")
  : join(import.meta.dirname, "relay", "main.ts");
const BIND_WITHIN_MS = 10_000;
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
/** One that has run for so long starts again at once. */
const STEADY_MS = 60_000;
const END_WITHIN_MS = 2_000;
const SHOW_WITHIN_MS = 5_000;
const MAX_DIALS = 256;

type Waiting = { port: number; answer: (outcome: BindOutcome | null) => void };

export class RelayProcess {
  /** Null: it works for nobody now. */
  #handlers: RelayHandlers | null = null;
  /** Who leads it last goes on to show the way, also when there is nobody else to hear of anything. */
  #dialTo: RelayHandlers["dial"] = () => Promise.reject(new DialError("nobody leads this relay yet"));
  readonly #untold: ((handlers: RelayHandlers) => void)[] = [];
  readonly #log: Log;
  readonly #address: string | null;
  #child: ChildProcess | null = null;
  #isReady = false;
  #isEnding = false;
  #failures = 0;
  #startedMs = 0;
  #restart: NodeJS.Timeout | undefined;
  #openDials = 0;
  readonly #waiting = new Map<LeaseId, Waiting>();
  #showing: {
    take: (listener: Listener) => void;
    done: () => void;
    fail: (error: RelayError) => void;
  } | null = null;

  /** @param address to bind; null for all of the host's */
  constructor({ address, log }: { address: string | null; log: Log }) {
    this.#address = address;
    this.#log = log;
  }

  /** Null while there is none that is ready. */
  get pid(): number | null {
    return this.#isReady ? (this.#child?.pid ?? null) : null;
  }

  /** Works for these from now on; `onUp` is called at once for one that is ready. */
  attach(handlers: RelayHandlers): void {
    this.#handlers = handlers;
    this.#dialTo = handlers.dial;
    if (this.#isReady) handlers.onUp();
    for (const tell of this.#untold.splice(0)) tell(handlers);
  }

  /** Who is asked for ways into containers from now on, before all else. */
  dialBy(dial: RelayHandlers["dial"]): void {
    this.#dialTo = dial;
  }

  /** Tells nobody any more. It goes on to listen and to relay. */
  detach(): void {
    this.#handlers = null;
  }

  /** Resolves when one is ready. @throws RelayError after `withinMs` */
  async ready(withinMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new RelayError("no relay was ready in time")), withinMs);
    this.attach({ ...NOBODY, onUp: resolve });
    await promise.finally(() => clearTimeout(timer));
    this.detach();
  }

  start(): void {
    if (this.#child !== null) return;
    // An upgrade takes the files of older versions away; a new process of this one's unit starts from the new ones.
    if (!existsSync(RELAY)) {
      this.#log.error({ file: RELAY }, "the relay's code is gone: this process ends and is started anew");
      process.exit(1);
    }
    this.#startedMs = performance.now();
    const { NODE_OPTIONS, MALLOC_ARENA_MAX } = process.env;
    const child = fork(RELAY, [], {
      // In a process group of its own, so that a signal to the terminal's group does not reach it.
      detached: true,
      env: {
        ...(NODE_OPTIONS !== undefined && { NODE_OPTIONS }),
        ...(MALLOC_ARENA_MAX !== undefined && { MALLOC_ARENA_MAX }),
      },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child = child;
    child.on("message", (message, handle) => this.#take(child, message, handle));
    child.once("error", (error) => this.#log.error({ error }, "the relay could not be started"));
    child.once("exit", (code, signal) => this.#ended(child, `${code ?? signal}`));
  }

  /** Null: there is no relay now, or it ended amid this. Asked again once `onUp` was called. */
  async listen({ leaseId, service, internalPort }: LeaseToBind, port: number): Promise<BindOutcome | null> {
    if (!this.#isReady) return null;
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(null), BIND_WITHIN_MS);
      const answer = (outcome: BindOutcome | null) => {
        clearTimeout(timer);
        this.#waiting.delete(leaseId);
        resolve(outcome);
      };
      this.#waiting.set(leaseId, { port, answer });
      this.#send({ kind: "listen", leaseId, service, internalPort, port, address: this.#address });
    });
  }

  /** Opens the TLS port for gateways, or renews what it shows; `onGateway` is called with the outcome. */
  openGateway(port: number, identity: GatewayIdentity): void {
    if (this.#isReady) this.#send({ kind: "open-gateway", port, address: this.#address, identity });
  }

  /** Has it listen on a socket of another process, which is used up; `listen` finds that then. */
  async adopt(lease: LeaseToBind, { port, handle }: Omit<Listener, "leaseId">): Promise<void> {
    const { leaseId, service, internalPort } = lease;
    await this.#adopt({ kind: "adopt", leaseId, service, internalPort, port }, handle);
  }

  /** The same with the TLS port for gateways, which stays closed without an identity. */
  async adoptGateway(
    { port, handle }: Omit<Listener, "leaseId">,
    identity: GatewayIdentity | null,
  ): Promise<void> {
    if (identity === null) handle.close();
    else await this.#adopt({ kind: "adopt-gateway", port, identity }, handle);
  }

  async #adopt(message: ToRelay, handle: ListenerHandle): Promise<void> {
    const child = this.#child;
    try {
      if (child === null || !this.#isReady) throw new RelayError("there is no relay");
      await new Promise<void>((resolve, reject) => {
        child.send(message, asSendable(handle), (error) => (error === null ? resolve() : reject(error)));
      });
    } finally {
      handle.close();
    }
  }

  /** Every port that it listens on; it goes on to. @throws RelayError */
  async listeners(): Promise<Listener[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const shown: Listener[] = [];
    this.#showing = { take: (listener) => shown.push(listener), done: resolve, fail: reject };
    const timer = setTimeout(
      () => reject(new RelayError("the relay does not show its ports")),
      SHOW_WITHIN_MS,
    );
    try {
      if (!this.#isReady) throw new RelayError("there is no relay");
      this.#send({ kind: "show-listeners" });
      await promise;
      return shown;
    } catch (error) {
      for (const { handle } of shown) handle.close();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#showing = null;
    }
  }

  /** Listens no more; who is connected stays. `onRetired` is called when nobody comes in any more, and then `onActivity`. */
  retire(): void {
    if (this.#isReady) this.#send({ kind: "retire" });
  }

  close(leaseId: LeaseId): void {
    if (this.#isReady) this.#send({ kind: "close", leaseId });
  }

  cut(sessionId: string, because: string): void {
    if (this.#isReady) this.#send({ kind: "cut", sessionId, because });
  }

  /** All of SSH into this run of whom no login was told. */
  cutUnknown(runId: RunId, because: string): void {
    if (this.#isReady) this.#send({ kind: "cut-unknown", runId, because });
  }

  /** The server is its own from then on; `sent` is called when this process may close its end of it. */
  hear(runId: RunId, server: Server, sent: () => void): void {
    if (!this.#isReady || this.#child === null) return sent();
    this.#child.send({ kind: "hear", runId } satisfies ToRelay, server, (error) => {
      this.#onUnsent(error);
      sent();
    });
  }

  /** All sessions are told once more. */
  tellAll(): void {
    if (this.#isReady) this.#send({ kind: "tell-all" });
  }

  /** A login on a connection that it may have. */
  login(told: Omit<Extract<ToRelay, { kind: "login" }>, "kind">): void {
    if (this.#isReady) this.#send({ kind: "login", ...told });
  }

  stopHearing(runId: RunId): void {
    if (this.#isReady) this.#send({ kind: "stop-hearing", runId });
  }

  /** Resolves when it has ended, and with it every connection. */
  async end(): Promise<void> {
    this.#isEnding = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return;
    // Not "close": that never comes for a child whose channel was closed from here.
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), END_WITHIN_MS);
    await ended;
    clearTimeout(timer);
  }

  #take(child: ChildProcess, raw: unknown, handle: unknown): void {
    const parsed = FromRelay.safeParse(raw);
    if (!parsed.success) {
      this.#log.error({ reason: parsed.error.issues[0]?.message }, "the relay said nonsense and is ended");
      child.kill("SIGKILL");
      return;
    }
    const message = parsed.data;
    switch (message.kind) {
      case "ready":
        this.#isReady = true;
        this.#log.info({ pid: child.pid }, "the relay runs, as nobody");
        this.#handlers?.onUp();
        return;
      case "listening":
        return this.#answerBind(message.leaseId, message.port, { kind: "bound" });
      case "not-listening":
        return this.#answerBind(message.leaseId, message.port, outcomeOf(message.code));
      case "gateway-open":
        return this.#told(({ onGateway }) => onGateway(message.port));
      case "gateway-not-open":
        this.#log.error({ code: message.code }, "the TLS port for gateways cannot be opened");
        return this.#told(({ onGateway }) => onGateway(null));
      case "dial":
        void this.#dial(child, message);
        return;
      case "activity":
        return this.#told(({ onActivity }) => onActivity(message.leases, message.openConnections));
      case "book":
        return this.#told(({ onBook }) => onBook(message));
      case "login-elsewhere":
        return this.#told(({ onLoginElsewhere }) => onLoginElsewhere(message));
      case "deaf":
        return this.#told(({ onDeaf }) => onDeaf(message.runId));
      case "listener":
      case "gateway-listener":
        return this.#show(message.kind === "listener" ? message.leaseId : null, message.port, handle);
      case "listeners-shown":
        return this.#showing?.done();
      case "retired":
        return this.#told(({ onRetired }) => onRetired());
    }
  }

  #told(tell: (handlers: RelayHandlers) => void): void {
    if (this.#handlers === null) this.#untold.push(tell);
    else tell(this.#handlers);
  }

  #show(leaseId: LeaseId | null, port: number, handle: unknown): void {
    if (!isListenerHandle(handle)) return;
    if (this.#showing === null) handle.close();
    else this.#showing.take({ leaseId, port, handle });
  }

  #answerBind(leaseId: LeaseId, port: number, outcome: BindOutcome): void {
    const waiting = this.#waiting.get(leaseId);
    if (waiting?.port === port) waiting.answer(outcome);
  }

  async #dial(
    child: ChildProcess,
    { dialId, target }: { dialId: number; target: DialTarget },
  ): Promise<void> {
    const dialled = await this.#dialled(target);
    if (child !== this.#child || !child.connected) {
      dialled?.socket.destroy();
      return;
    }
    if (dialled === null) return this.#send({ kind: "not-dialled", dialId });
    const { socket, instanceId, runId } = dialled;
    const message = { kind: "dialled", dialId, instanceId, runId } satisfies ToRelay;
    child.send(message, socket, (error) => this.#onUnsent(error));
  }

  async #dialled(target: DialTarget): Promise<Dialled | null> {
    if (this.#openDials >= MAX_DIALS) return null;
    this.#openDials += 1;
    try {
      return await this.#dialTo(target);
    } catch (error) {
      if (!(error instanceof DialError)) throw error;
      return null;
    } finally {
      this.#openDials -= 1;
    }
  }

  #send(message: ToRelay): void {
    this.#child?.send(message, (error) => this.#onUnsent(error));
  }

  /** Its end is seen by itself; what was meant for it is said to the next one. */
  #onUnsent(error: Error | null): void {
    if (error !== null) this.#log.warn({ error }, "the relay did not get a message");
  }

  #ended(child: ChildProcess, how: string): void {
    if (child !== this.#child) return;
    this.#child = null;
    this.#isReady = false;
    for (const { answer } of this.#waiting.values()) answer(null);
    this.#showing?.fail(new RelayError("the relay has ended"));
    this.#told(({ onActivity, onGateway, onDown }) => {
      onActivity([], 0);
      onGateway(null);
      onDown();
    });
    if (this.#isEnding) return;
    this.#failures = performance.now() - this.#startedMs > STEADY_MS ? 0 : this.#failures + 1;
    const restMs = Math.min(FIRST_RESTART_MS * 2 ** this.#failures, LONGEST_RESTART_MS);
    this.#log.error({ how, restMs }, "the relay has ended and is started again");
    this.#restart = setTimeout(() => this.start(), restMs);
  }
}
