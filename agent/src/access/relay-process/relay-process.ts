/**
 * What the broker says to its relay and hears of it: ports to bind and to hand on, sessions to cut, wishes for a way into a
 * container. It outlives the broker that it works for: what the relay tells while there is none waits for the next one.
 */
import type { Server } from "node:net";
import type { InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import type { GatewayAddress } from "@remotegpu/shared/instance/ssh-access";
import type { PasswordTries } from "../../core/access/password-limiter.ts";
import type { BindOutcome } from "../../core/leases/lease.ts";
import type { GatewayIdentity } from "../relay/connections/gateway-identity.ts";
import type { LeaseToBind } from "../leases/lease-keeper.ts";
import { RelayChild, type RelayEvent } from "./relay-child.ts";
import { RelayDials } from "./relay-dials.ts";
import { NO_HANDLERS, outcomeOf, RelayError, type Listener, type RelayHandlers } from "./relay-handlers.ts";
import { isListenerHandle } from "../relay/listener-handle.ts";
import type { DialTarget, ToRelay } from "../relay/relay-messages.ts";

const BIND_WITHIN_MS = 10_000;
const SHOW_WITHIN_MS = 5_000;

type Waiting = { port: number; answer: (outcome: BindOutcome | null) => void };

export class RelayProcess {
  /** Null: it works for nobody now. */
  #handlers: RelayHandlers | null = null;
  /** Who leads it last goes on to show the way, also when there is nobody else to hear of anything. */
  readonly #dials = new RelayDials();
  readonly #untold: ((handlers: RelayHandlers) => void)[] = [];
  readonly #log: Log;
  readonly #address: string | null;
  readonly #child: RelayChild;
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
    this.#child = new RelayChild({
      onReady: () => this.#handlers?.onUp(),
      onMessage: (message, handle) => this.#take(message, handle),
      onEnded: () => this.#ended(),
      log,
    });
  }

  /** Null while there is none that is ready. */
  get pid(): number | null {
    return this.#child.pid;
  }

  /** Works for these from now on; `onUp` is called at once for one that is ready. */
  attach(handlers: RelayHandlers): void {
    this.#handlers = handlers;
    this.#dials.by(handlers.dial);
    if (this.#child.isReady) handlers.onUp();
    for (const report of this.#untold.splice(0)) report(handlers);
  }

  /** Who is asked for ways into containers from now on, before all else. */
  dialBy(dial: RelayHandlers["dial"]): void {
    this.#dials.by(dial);
  }

  /** Tells nobody any more. It goes on to listen and to relay. */
  detach(): void {
    this.#handlers = null;
  }

  /** Resolves when one is ready. @throws RelayError after `withinMs` */
  async ready(withinMs: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new RelayError("no relay was ready in time")), withinMs);
    this.attach({ ...NO_HANDLERS, onUp: resolve });
    await promise.finally(() => clearTimeout(timer));
    this.detach();
  }

  start(): void {
    this.#child.start();
  }

  /** Null: there is no relay now, or it ended amid this. Asked again once `onUp` was called. */
  async listen({ leaseId, service, internalPort }: LeaseToBind, port: number): Promise<BindOutcome | null> {
    if (!this.#child.isReady) return null;
    return new Promise((resolve) => {
      const timer = setTimeout(() => answer(null), BIND_WITHIN_MS);
      const answer = (outcome: BindOutcome | null) => {
        clearTimeout(timer);
        this.#waiting.delete(leaseId);
        resolve(outcome);
      };
      this.#waiting.set(leaseId, { port, answer });
      const tries = this.#handlers?.triesOf(leaseId) ?? null;
      const address = this.#address;
      this.#child.send({ kind: "listen", leaseId, service, internalPort, port, address, tries });
    });
  }

  /** Opens the TLS port for gateways, or renews what it shows; `onGateway` is called with the outcome. */
  openGateway(port: number, identity: GatewayIdentity): void {
    if (this.#child.isReady)
      this.#child.send({ kind: "open-gateway", port, address: this.#address, identity });
  }

  /** Dials these, and no others, for as long as they are wanted. */
  followGateways(gateways: GatewayAddress[], identity: GatewayIdentity): void {
    if (this.#child.isReady) this.#child.send({ kind: "gateways", gateways, identity });
  }

  /**
   * Has it listen on a socket of another process, which is used up; `listen` finds that then.
   * @param tries of the process before
   */
  async adopt(
    lease: LeaseToBind,
    { port, handle }: Omit<Listener, "leaseId">,
    tries: PasswordTries | null,
  ): Promise<void> {
    const { leaseId, service, internalPort } = lease;
    await this.#child.give({ kind: "adopt", leaseId, service, internalPort, port, tries }, handle);
  }

  /** The same with the TLS port for gateways, which stays closed without an identity. */
  async adoptGateway(
    { port, handle }: Omit<Listener, "leaseId">,
    identity: GatewayIdentity | null,
  ): Promise<void> {
    if (identity === null) handle.close();
    else await this.#child.give({ kind: "adopt-gateway", port, identity }, handle);
  }

  /** Every port that it listens on; it goes on to. @throws RelayError */
  async listeners(): Promise<Listener[]> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const visible: Listener[] = [];
    this.#showing = { take: (listener) => visible.push(listener), done: resolve, fail: reject };
    const timer = setTimeout(
      () => reject(new RelayError("the relay does not show its ports")),
      SHOW_WITHIN_MS,
    );
    try {
      if (!this.#child.isReady) throw new RelayError("there is no relay");
      this.#child.send({ kind: "show-listeners" });
      await promise;
      return visible;
    } catch (error) {
      for (const { handle } of visible) handle.close();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#showing = null;
    }
  }

  /** Listens no more; who is connected stays. `onRetired` is called when nobody comes in any more, and then `onActivity`. */
  retire(): void {
    if (this.#child.isReady) this.#child.send({ kind: "retire" });
  }

  close(leaseId: LeaseId): void {
    if (this.#child.isReady) this.#child.send({ kind: "close", leaseId });
  }

  cut(sessionId: string, because: string): void {
    if (this.#child.isReady) this.#child.send({ kind: "cut", sessionId, because });
  }

  /** All of SSH into this run of whom no login was told. */
  cutUnknown(runId: RunId, because: string): void {
    if (this.#child.isReady) this.#child.send({ kind: "cut-unknown", runId, because });
  }

  /** The server is its own from then on; `sent` is called when this process may close its end of it. */
  hear(runId: RunId, server: Server, sent: () => void): void {
    if (this.#child.isReady) this.#child.send({ kind: "hear", runId }, server, sent);
    else sent();
  }

  /** Lets no gateway in there any more, and tells what is open. */
  drain(instances: readonly InstanceId[]): void {
    if (this.#child.isReady) this.#child.send({ kind: "draining", instances: [...instances] });
  }

  /** All sessions are told once more. */
  reportAll(): void {
    if (this.#child.isReady) this.#child.send({ kind: "tell-all" });
  }

  /** A login on a connection that it may have. */
  login(reported: Omit<Extract<ToRelay, { kind: "login" }>, "kind">): void {
    if (this.#child.isReady) this.#child.send({ kind: "login", ...reported });
  }

  stopHearing(runId: RunId): void {
    if (this.#child.isReady) this.#child.send({ kind: "stop-hearing", runId });
  }

  /** Resolves when it has ended, and with it every connection. */
  async end(): Promise<void> {
    await this.#child.end();
  }

  #take(message: RelayEvent, handle: unknown): void {
    switch (message.kind) {
      case "listening":
        return this.#answerBind(message.leaseId, message.port, { kind: "bound" });
      case "not-listening":
        return this.#answerBind(message.leaseId, message.port, outcomeOf(message.code));
      case "gateway-open":
        return this.#reported(({ onGateway }) => onGateway(message.port));
      case "gateway-not-open":
        this.#log.error({ code: message.code }, "the TLS port for gateways cannot be opened");
        return this.#reported(({ onGateway }) => onGateway(null));
      case "dial":
        void this.#dial(message);
        return;
      case "activity":
        return this.#reported(({ onActivity }) => onActivity(message.leases, message.openConnections));
      case "book":
        return this.#reported(({ onSessions }) => onSessions(message));
      case "streams":
        return this.#reported(({ onStreams }) => onStreams(message.instances));
      case "login-elsewhere":
        return this.#reported(({ onLoginElsewhere }) => onLoginElsewhere(message));
      case "tries":
        return this.#reported(({ onTries }) => onTries(message.leases));
      case "deaf":
        return this.#reported(({ onDeaf }) => onDeaf(message.runId));
      case "listener":
      case "gateway-listener":
        return this.#show(message.kind === "listener" ? message.leaseId : null, message.port, handle);
      case "listeners-shown":
        return this.#showing?.done();
      case "retired":
        return this.#reported(({ onRetired }) => onRetired());
    }
  }

  #reported(report: (handlers: RelayHandlers) => void): void {
    if (this.#handlers === null) this.#untold.push(report);
    else report(this.#handlers);
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

  async #dial({ dialId, target }: { dialId: number; target: DialTarget }): Promise<void> {
    const { life } = this.#child;
    const dialled = await this.#dials.dial(target);
    if (life === null || life !== this.#child.life) {
      dialled?.socket.destroy();
      return;
    }
    if (dialled === null) return this.#child.send({ kind: "not-dialled", dialId });
    const { socket, into } = dialled;
    this.#child.send({ kind: "dialled", dialId, into }, socket);
  }

  #ended(): void {
    for (const { answer } of this.#waiting.values()) answer(null);
    this.#showing?.fail(new RelayError("the relay has ended"));
    this.#reported(({ onActivity, onGateway, onDown }) => {
      onActivity([], 0);
      onGateway(null);
      onDown();
    });
  }
}
