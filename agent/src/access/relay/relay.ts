/**
 * The unprivileged side: binds the ports that it is told, and relays. It reaches containers only through sockets
 * that the broker dials and hands over.
 */
import { randomBytes } from "node:crypto";
import { Server, Socket } from "node:net";
import { FILES_NAME, FILES_PORT } from "@remotegpu/shared/messages/files";
import type { InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import { KEYS_ONLY_ADDRESS, type ReportedLogin } from "../../core/access/login-line.ts";
import { PendingDials } from "./pending-dials.ts";
import { LeasedPort, type ServiceSocket } from "./leased-port.ts";
import { GatewayPort } from "./gateway-port.ts";
import { isListenerHandle, type ListenerHandle } from "./listener-handle.ts";
import type { GatewayIdentity } from "./connections/gateway-identity.ts";
import type { GatewayRequest, NoRoute, GatewayRoute } from "./connections/gateway-request.ts";
import { OpenRoutes } from "./open-routes.ts";
import { LoginListener } from "./login-listener.ts";
import { RelaySocket } from "./connections/relay-socket.ts";
import { ReversedTunnels } from "./tunnel/reversed-tunnels.ts";
import { TunnelStreams } from "./tunnel/tunnel-streams.ts";
import { SessionLog } from "./session-log.ts";
import { TriesReports } from "./tries-reports.ts";
import { ToRelay, type DialTarget, type FromRelay, type LeaseActivity } from "./relay-messages.ts";

const ACTIVITY_EVERY_MS = 5_000;
const CHECK_EVERY_MS = 1_000;
const SESSION_ID_BYTES = 18;
const clock = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };
/** What came and went meanwhile is told together. */
const REPORT_AFTER_MS = 100;
/** After the address of a client in the book, by which its people are told. */
const THROUGH_GATEWAY = "through the gateway";

/** A leased port needs to know into which container it leads. */
type Dialled = { socket: RelaySocket; route: ServiceSocket["route"] | null; leaseId: LeaseId | null };

export class Relay {
  readonly #report: (message: FromRelay, handle?: ListenerHandle) => void;
  readonly #ports = new Map<LeaseId, LeasedPort>();
  readonly #triesReports = new TriesReports();
  #gateway: GatewayPort | null = null;
  #gatewayTurn: Promise<void> = Promise.resolve();
  readonly #streams = new TunnelStreams({
    open: (gatewayRequest) => this.#openForGateway(gatewayRequest),
    onChange: () => this.#reportSoon(),
    clock,
  });
  readonly #reversed = new ReversedTunnels({ streams: this.#streams, clock });
  readonly #dials = new PendingDials<Dialled>((dialId, target) =>
    this.#report({ kind: "dial", dialId, target }),
  );
  readonly #log = new SessionLog({ newId: () => randomBytes(SESSION_ID_BYTES).toString("base64url"), clock });
  readonly #heard = new Map<RunId, LoginListener>();
  readonly #routes = new OpenRoutes();
  /** Null: to be told in any case. */
  #openReported: number | null = 0;
  #reporting: NodeJS.Timeout | null = null;

  constructor(report: (message: FromRelay, handle?: ListenerHandle) => void) {
    this.#report = report;
  }

  start(): void {
    setInterval(() => this.#notifyActivity(), ACTIVITY_EVERY_MS).unref();
    setInterval(() => this.#check(), CHECK_EVERY_MS).unref();
  }

  /** A message of the broker; what is not one is a bug. */
  async take(raw: unknown, handle: unknown): Promise<void> {
    const message = ToRelay.parse(raw);
    switch (message.kind) {
      case "listen":
        return this.#listen(message);
      case "close":
        return this.#close(message.leaseId);
      case "open-gateway":
        return this.#openGateway(message);
      case "gateways":
        return this.#reversed.follow(message.gateways, message.identity);
      case "dialled":
        return this.#dialled(message, handle);
      case "not-dialled":
        return void this.#dials.answer(message.dialId, null);
      case "adopt":
        return this.#adopt(message, handle);
      case "adopt-gateway":
        return this.#adoptGateway(message, handle);
      case "show-listeners":
        return this.#showListeners();
      case "retire":
        return this.#retire();
      case "hear":
        return this.#hear(message.runId, handle);
      case "stop-hearing":
        return this.#stopHearing(message.runId);
      case "login":
        this.#login(message.runId, message);
        return;
      case "cut":
        this.#log.cut(message.sessionId, message.because);
        return this.#reportSoon();
      case "cut-unknown":
        this.#log.cutUnknown(message.runId, message.because);
        return this.#reportSoon();
      case "draining":
        return this.#report({ kind: "streams", instances: this.#routes.drain(message.instances) });
      case "tell-all":
        this.#log.reportAll();
        return this.#reportSoon();
    }
  }

  async #listen(message: Extract<ToRelay, { kind: "listen" }>): Promise<void> {
    const { leaseId, port, address } = message;
    // Of a broker that has begun anew, or has it from an earlier one.
    if (this.#ports.get(leaseId)?.listener?.port === port)
      return this.#report({ kind: "listening", leaseId, port });
    await this.#close(leaseId);
    await this.#open(message, (leased) => leased.listen(port, address));
  }

  async #adopt(message: Extract<ToRelay, { kind: "adopt" }>, handle: unknown): Promise<void> {
    const { port } = message;
    if (!isListenerHandle(handle)) throw new Error(`the socket of port ${port} did not come`);
    await this.#open(message, (leased) => leased.adopt(port, handle));
  }

  async #open(
    { leaseId, service, internalPort, port, tries }: Extract<ToRelay, { kind: "listen" | "adopt" }>,
    listen: (leased: LeasedPort) => Promise<void>,
  ): Promise<void> {
    const leased = new LeasedPort({
      leaseId,
      service,
      internalPort,
      tries,
      dial: async (id, { isKeysOnly }) => {
        const dialled = await this.#dials.dial({ kind: "lease", leaseId: id, isKeysOnly });
        return dialled === null || dialled.route === null ? null : { ...dialled, route: dialled.route };
      },
      log: this.#log,
      clock,
      onChange: () => this.#reportSoon(),
    });
    this.#ports.set(leaseId, leased);
    try {
      await listen(leased);
      this.#report({ kind: "listening", leaseId, port });
    } catch (error) {
      this.#ports.delete(leaseId);
      this.#report({ kind: "not-listening", leaseId, port, code: codeOf(error) });
    }
  }

  /** One after another: the second finds what the first has opened. */
  #openGateway(message: Extract<ToRelay, { kind: "open-gateway" }>): Promise<void> {
    const { port, address, identity } = message;
    return this.#inTurn(async () => {
      if (this.#gateway !== null) {
        this.#gateway.setIdentity(identity);
        return this.#gateway;
      }
      const gateway = this.#newGateway(identity);
      await gateway.listen(port, address);
      return gateway;
    });
  }

  #adoptGateway({ identity }: Extract<ToRelay, { kind: "adopt-gateway" }>, handle: unknown): Promise<void> {
    if (!isListenerHandle(handle)) throw new Error("the socket of the port for gateways did not come");
    return this.#inTurn(async () => {
      const gateway = this.#newGateway(identity);
      await gateway.adopt(handle);
      return gateway;
    });
  }

  #inTurn(open: () => Promise<GatewayPort>): Promise<void> {
    this.#gatewayTurn = this.#gatewayTurn.then(() => this.#beGateway(open));
    return this.#gatewayTurn;
  }

  async #beGateway(open: () => Promise<GatewayPort>): Promise<void> {
    try {
      this.#gateway = await open();
      this.#report({ kind: "gateway-open", port: this.#gateway.port });
    } catch (error) {
      this.#report({ kind: "gateway-not-open", code: codeOf(error) });
    }
  }

  #newGateway(identity: GatewayIdentity): GatewayPort {
    return new GatewayPort({
      identity,
      streams: this.#streams,
      open: (gatewayRequest) => this.#openForGateway(gatewayRequest),
      onChange: () => this.#reportSoon(),
    });
  }

  async #openForGateway({ instanceId, port, client }: GatewayRequest): Promise<GatewayRoute | NoRoute> {
    const end = this.#routes.begin(instanceId);
    if (end === null) return "draining";
    const found = await this.#dials.dial(gatewayTarget({ instanceId, port }));
    const over = () => {
      end();
      this.#reportSoon();
    };
    if (found === null || found.socket.closed) {
      over();
      return "not-there";
    }
    const { socket: service, route, leaseId } = found;
    service.once("close", over);
    if (client === null) return { service, carry: (begin) => void begin(() => undefined) };
    const leased = leaseId === null ? undefined : this.#ports.get(leaseId);
    if (leased === undefined || route === null) {
      service.destroy();
      return "not-leased";
    }
    return { service, carry: (begin) => leased.carry(`${client} ${THROUGH_GATEWAY}`, route, begin) };
  }

  #showListeners(): void {
    for (const [leaseId, { listener }] of this.#ports)
      if (listener !== null)
        this.#report({ kind: "listener", leaseId, port: listener.port }, listener.handle);
    const gateway = this.#gateway?.listener ?? null;
    if (gateway !== null) this.#report({ kind: "gateway-listener", port: gateway.port }, gateway.handle);
    this.#report({ kind: "listeners-shown" });
  }

  #retire(): void {
    for (const leased of this.#ports.values()) leased.stopListening();
    this.#gateway?.stopListening();
    this.#reversed.retire();
    for (const runId of this.#heard.keys()) this.#stopHearing(runId);
    this.#report({ kind: "retired" });
    this.#openReported = null;
    this.#notifyActivity();
  }

  async #close(leaseId: LeaseId): Promise<void> {
    const leased = this.#ports.get(leaseId);
    this.#ports.delete(leaseId);
    await leased?.close();
  }

  #hear(runId: RunId, handle: unknown): void {
    this.#stopHearing(runId);
    if (!(handle instanceof Server)) return;
    const listener = new LoginListener({
      server: handle,
      onLogin: (reported) => {
        if (!this.#login(runId, reported)) this.#report({ kind: "login-elsewhere", runId, ...reported });
      },
      onFlood: () => {
        if (this.#heard.get(runId) === listener) this.#heard.delete(runId);
        this.#report({ kind: "deaf", runId });
      },
      nowMs: clock.monotonicMs,
    });
    this.#heard.set(runId, listener);
  }

  #stopHearing(runId: RunId): void {
    this.#heard.get(runId)?.close();
    this.#heard.delete(runId);
  }

  #login(runId: RunId, { login, ...end }: ReportedLogin): boolean {
    const isOurs = this.#log.login(runId, end, { ...login, wallMs: clock.wallMs() });
    if (isOurs) this.#reportSoon();
    return isOurs;
  }

  #dialled({ dialId, into }: Extract<ToRelay, { kind: "dialled" }>, handle: unknown): void {
    if (!(handle instanceof Socket)) return void this.#dials.answer(dialId, null);
    const socket = new RelaySocket(handle);
    socket.on("error", () => socket.destroy());
    const isWaitedFor = this.#dials.answer(dialId, { socket, ...routeOf(socket, into) });
    if (!isWaitedFor) socket.destroy();
  }

  #check(): void {
    this.#log.check();
    this.#reportSessions();
    this.#reportTries();
  }

  #reportTries(): void {
    const leases = this.#triesReports.next(this.#ports);
    if (leases.length > 0) this.#report({ kind: "tries", leases });
  }

  #reportSessions(): void {
    for (let book = this.#log.take(); book !== null; book = this.#log.take())
      this.#report({ kind: "book", ...book });
  }

  #reportSoon(): void {
    this.#reporting ??= setTimeout(() => this.#notifyActivity(), REPORT_AFTER_MS);
  }

  #notifyActivity(): void {
    if (this.#reporting !== null) clearTimeout(this.#reporting);
    this.#reporting = null;
    this.#reportSessions();
    const streams = this.#routes.takeMessages();
    if (streams !== null) this.#report({ kind: "streams", instances: streams });
    const leases: LeaseActivity[] = [];
    let openConnections = (this.#gateway?.openConnections ?? 0) + this.#streams.openConnections;
    for (const leased of this.#ports.values()) {
      openConnections += leased.openConnections;
      const activity = leased.takeActivity();
      if (activity !== null) leases.push(activity);
    }
    if (leases.length === 0 && openConnections === this.#openReported) return;
    this.#openReported = openConnections;
    this.#report({ kind: "activity", leases, openConnections });
  }
}

function routeOf(
  { localPort: port = 0, localAddress }: RelaySocket,
  into: Extract<ToRelay, { kind: "dialled" }>["into"],
): Omit<Dialled, "socket"> {
  if (into === null) return { route: null, leaseId: null };
  const { leaseId, ...where } = into;
  const end = { port, isKeysOnly: localAddress === KEYS_ONLY_ADDRESS };
  return { route: { ...where, ...end }, leaseId };
}

/** As gateways name it in `CONNECT`. */
function gatewayTarget(named: { instanceId: InstanceId; port: number }): DialTarget {
  const isFiles = named.instanceId === FILES_NAME && named.port === FILES_PORT;
  return isFiles ? { kind: "files" } : { kind: "instance", ...named };
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
