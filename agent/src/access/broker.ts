/**
 * What the newest access process is beside its relay: the book of leases, the way into containers, the socket on which
 * the agent says what it wants, and the hold on processes of before upgrades. With the agent away it serves the last
 * list. It begins on a relay that listens already where another process has handed over to this one.
 */
import { randomBytes } from "node:crypto";
import type { Log } from "@remotegpu/shared/log";
import { filesSocket } from "../config/config.ts";
import { ACCESS_LOCK_FILE, lockFolder } from "../journal/database/folder-lock.ts";
import type { PortRange } from "../core/leases/lease-port.ts";
import { SessionRegistry } from "./sessions/session-registry.ts";
import { LoginSockets } from "./sessions/login-sockets.ts";
import { SessionGuard } from "./sessions/session-guard.ts";
import type { AccessList, ReachableInstance } from "./control/control-messages.ts";
import { GatewayOpening, type OpenGateway } from "./relay-process/gateway-opening.ts";
import { ControlServer } from "./control/control-server.ts";
import { LeaseKeeper, TICK_EVERY_MS } from "./leases/lease-keeper.ts";
import { openLeaseStore, type LeaseStore } from "./store/lease-store.ts";
import { LeaseStoreError } from "./store/lease-store-error.ts";
import { ObservedLeases } from "./leases/observed-leases.ts";
import type { Dialled, Listener } from "./relay-process/relay-handlers.ts";
import { OpenStreams } from "./sessions/open-streams.ts";
import type { RelayProcess } from "./relay-process/relay-process.ts";
import { ServiceProbe } from "./services/service-probe.ts";
import { TriesKeeper } from "./leases/tries-keeper.ts";
import type { DialTarget } from "./relay/relay-messages.ts";
import { DrainingProcesses } from "./handover/draining-processes.ts";
import { InstanceRoutes } from "./relay-process/instance-routes.ts";

const ID_BYTES = 18;
/** In the book, what this process's own relay carries. */
const OWN_RELAY = "relay";
/** Elders have said by then what they carry. */
const UNCARRIED_AFTER_MS = 30_000;

export type BrokerOptions = {
  stateDir: string;
  socketPath: string;
  drainingPath: string;
  relay: RelayProcess;
  range: PortRange;
  /** For gateways; 0 takes any. */
  gatewayPort: number;
  /** Of the one before, whose port this one's relay has. */
  handedOverGateway: OpenGateway | null;
  clock: { monotonicMs: () => number; wallMs: () => number };
  bootId: string;
  onTick: () => void;
  onAgentsBundle: (bundle: string | null) => void;
  /** This process is to end. */
  onEnd: () => void;
  log: Log;
};

export class Broker {
  readonly #options: BrokerOptions;
  readonly #store: LeaseStore;
  readonly #keeper: LeaseKeeper;
  readonly #relay: RelayProcess;
  readonly #server: ControlServer;
  readonly #draining: DrainingProcesses;
  readonly #observed = new ObservedLeases();
  readonly #book: SessionRegistry;
  readonly #guard: SessionGuard;
  readonly #loginDoors: LoginSockets;
  readonly #tries: TriesKeeper;
  readonly #probe: ServiceProbe;
  readonly #streams: OpenStreams;
  readonly #release: () => void;
  #instances: readonly ReachableInstance[];
  readonly #gateway: GatewayOpening;
  readonly #routes: InstanceRoutes;
  readonly #openedMs: number;
  #answered: { serial: number; refused: string | null } | null = null;
  #lastReported = "";
  #ticking: NodeJS.Timeout | undefined;

  /** @throws FolderLockedError when another one runs on the folder */
  constructor(options: BrokerOptions) {
    this.#options = options;
    const { stateDir, range, relay, clock, log, bootId } = options;
    const lock = lockFolder(stateDir, { file: ACCESS_LOCK_FILE, holder: "access process" });
    this.#release = () => lock.release();
    const { store, isReplaced } = openLeaseStore(stateDir);
    if (isReplaced)
      log.error({}, "the file of leases was unreadable and was set aside; leases get new numbers");
    this.#store = store;
    this.#openedMs = clock.monotonicMs();
    this.#instances = store.reachable(bootId);
    this.#probe = new ServiceProbe({ monotonicMs: clock.monotonicMs, onMessage: () => this.#report(), log });
    this.#relay = relay;
    this.#gateway = new GatewayOpening({
      relay,
      firstPort: options.gatewayPort,
      handedOver: options.handedOverGateway,
      monotonicMs: clock.monotonicMs,
    });
    this.#routes = new InstanceRoutes({
      filesPath: filesSocket(stateDir),
      instances: () => this.#instances,
      held: (leaseId) => this.#keeper.held(leaseId),
      relayedBy: (workloadId, port) => this.#keeper.relayedBy(workloadId, port),
      onNobody: (leaseId) => this.#probe.suspect(leaseId),
    });
    this.#keeper = new LeaseKeeper({
      store,
      binder: relay,
      range,
      clock,
      chance: Math.random,
      onMessage: () => this.#report(),
      log,
    });
    this.#book = new SessionRegistry({
      store: store.book,
      leaseOf: (leaseId) => this.#keeper.find(leaseId),
      onOpen: (session) => this.#guard.judge(session),
      clock,
      newId: () => randomBytes(ID_BYTES).toString("base64url"),
      log,
    });
    this.#guard = new SessionGuard({
      relays: {
        cut: (sessionId, because) => {
          relay.cut(sessionId, because);
          this.#draining.report({ kind: "cut", sessionId, because });
        },
        cutUnknown: (runId, because) => {
          relay.cutUnknown(runId, because);
          this.#draining.report({ kind: "cut-unknown", runId, because });
        },
      },
      openSessions: () => this.#book.open,
      leaseOf: ({ leaseId }) => this.#keeper.find(leaseId),
      clock,
    });
    this.#streams = new OpenStreams({
      relayIds: () => [...(relay.pid === null ? [] : [OWN_RELAY]), ...this.#draining.relayIds],
      drain: (draining) => {
        relay.drain(draining);
        this.#draining.drain();
      },
      monotonicMs: clock.monotonicMs,
    });
    this.#tries = new TriesKeeper({
      store,
      isLeased: (leaseId) => this.#keeper.find(leaseId) !== null,
      clock,
      log,
    });
    this.#loginDoors = new LoginSockets({ stateDir, relay, nowMs: clock.monotonicMs, log });
    this.#loginDoors.follow(this.#instances);
    this.#server = new ControlServer({
      path: options.socketPath,
      onList: (list) => this.#take(list),
      log,
    });
    this.#draining = new DrainingProcesses({
      path: options.drainingPath,
      heldLeases: () => this.#keeper.open,
      onActivity: (leases) => this.#keeper.noteActivity(leases),
      onSessions: (relayId, book) => {
        this.#book.take(relayId, book);
        this.#report();
      },
      onStreams: (relayId, instances) => {
        this.#streams.take(relayId, instances);
        this.#report();
      },
      draining: () => this.#streams.draining,
      onGone: (relayId, because) => {
        this.#book.relayEnded(relayId, because);
        this.#streams.relayEnded(relayId);
      },
      onEnd: options.onEnd,
      monotonicMs: clock.monotonicMs,
      log,
    });
    this.#streams.follow(this.#instances);
  }

  /** @param inherited sockets of the process before, which are used up. @throws ControlSocketError */
  async open(handedOver: readonly Listener[] = []): Promise<void> {
    // Clients come in by them at once.
    this.#relay.dialBy((target) => this.dial(target));
    for (const { leaseId, port, handle } of handedOver) {
      const lease = leaseId === null ? null : this.#keeper.find(leaseId);
      if (leaseId === null) await this.#relay.adoptGateway({ port, handle }, this.#gateway.identity);
      else if (lease !== null && lease.state !== "released")
        await this.#relay.adopt(lease, { port, handle }, this.#tries.of(leaseId));
      else handle.close();
    }
    this.#relay.attach({
      onUp: () => {
        this.#keeper.rebind();
        this.#gateway.open();
        this.#loginDoors.relayUp();
        this.#relay.reportAll();
        this.#relay.drain(this.#streams.draining);
      },
      onDown: () => {
        this.#keeper.unbound();
        this.#loginDoors.relayDown();
        this.#book.relayEnded(OWN_RELAY);
        this.#streams.relayEnded(OWN_RELAY);
      },
      onSessions: (book) => {
        this.#book.take(OWN_RELAY, book);
        this.#probe.hear(book);
        this.#report();
      },
      onStreams: (instances) => {
        this.#streams.take(OWN_RELAY, instances);
        this.#report();
      },
      onLoginElsewhere: (reported) => this.#draining.report({ ...reported, kind: "login" }),
      onTries: (leases) => this.#tries.take(leases),
      triesOf: (leaseId) => this.#tries.of(leaseId),
      onDeaf: (runId) => this.#loginDoors.deaf(runId),
      onRetired: () => undefined,
      onActivity: (leases) => this.#keeper.noteActivity(leases),
      dial: (target) => this.dial(target),
      onGateway: (port) => {
        this.#gateway.reported(port);
        this.#report();
      },
    });
    this.#relay.start();
    await this.#draining.open();
    await this.#server.open();
    this.#ticking = setInterval(() => this.#tick(), TICK_EVERY_MS);
  }

  /** Connections end with it; leases and their numbers stay in the book. */
  async end(): Promise<void> {
    await this.#draining.endAll();
    this.#book.endAll();
    await this.leave();
    await this.#relay.end();
  }

  /**
   * Gives up the book and all that is of one process alone, for another to take it. The relay goes on, and is still led
   * by the last list.
   */
  async leave(): Promise<void> {
    clearInterval(this.#ticking);
    this.#probe.close();
    this.#relay.detach();
    await this.#server.close();
    await this.#draining.close();
    await this.#keeper.settled();
    this.#book.leave();
    this.#tries.writeDown();
    this.#orLog(() => this.#keeper.writeDown());
    this.#store.close();
    this.#release();
  }

  /** Makes room for one more process of before an upgrade. */
  async endDraining({ beyond, because }: { beyond: number; because: string }): Promise<void> {
    await this.#draining.keepAtMost(beyond, because);
  }

  /** This version is there to stay (store/lease-store.ts). @throws LeaseStoreError */
  raiseMinReader(): void {
    this.#store.raiseMinReader();
  }

  /** What is held is bound, and somebody is there to bind more. */
  get isServing(): boolean {
    return this.#relay.pid !== null && this.#keeper.isCaughtUp && this.#gateway.isServing;
  }

  /** Null while the port for gateways is not open. */
  get gateway(): OpenGateway | null {
    return this.#gateway.now;
  }

  #take(list: AccessList): void {
    const { bootId, onAgentsBundle } = this.#options;
    onAgentsBundle(list.bundle);
    const { instances } = list;
    if (instances !== null) this.#instances = instances;
    this.#gateway.follow(list.gateway, list.gateways);
    this.#book.taken(list.taken);
    this.#loginDoors.follow(this.#instances);
    this.#streams.follow(this.#instances);
    this.#guard.follow(list, this.#instances);
    this.#guard.cut(list.cuts);
    let refused: string | null = "its disk takes no writes";
    this.#orLog(() => {
      if (instances !== null) this.#store.keepReachable(bootId, instances);
      ({ refused } = this.#keeper.take(list));
    });
    if (refused !== null) this.#options.log.warn({ refused }, "a list of leases was refused");
    this.#answered = { serial: list.serial, refused };
    this.#lastReported = "";
    this.#report();
    this.#keeper.wake();
  }

  #report(): void {
    if (this.#answered === null || !this.isServing) return;
    const { clock } = this.#options;
    const { reported, ports } = this.#keeper;
    this.#probe.follow(reported, this.#instances);
    const leases = this.#observed.of(reported, {
      nowMs: this.#keeper.nowMs,
      wallMs: clock.wallMs(),
      answerOf: (leaseId) => this.#probe.answerOf(leaseId),
      shutUntilMs: (leaseId) => this.#tries.shutUntilMs(leaseId),
    });
    const gatewayPort = this.#gateway.port;
    const access = this.#book.reported;
    const services = this.#probe.servicesOf(this.#instances);
    const streams = this.#streams.known;
    const text = JSON.stringify([leases, gatewayPort, ports, access, services, streams]);
    if (text === this.#lastReported) return;
    this.#lastReported = text;
    this.#server.report({
      kind: "held",
      ...this.#answered,
      leases,
      gatewayPort,
      ports,
      access,
      services,
      streams,
    });
  }

  /** A way into a container, by the last list, or to the files process. @throws DialError */
  dial(target: DialTarget): Promise<Dialled> {
    return this.#routes.dial(target);
  }

  #tick(): void {
    const { clock, onTick } = this.#options;
    this.#keeper.tick();
    this.#draining.tick();
    this.#guard.tick();
    this.#loginDoors.tick();
    this.#tries.tick();
    if (clock.monotonicMs() - this.#openedMs >= UNCARRIED_AFTER_MS) this.#book.endUncarried();
    this.#book.tick();
    this.#report();
    this.#gateway.tick();
    onTick();
  }

  /** False when the disk did not take it. */
  #orLog(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof LeaseStoreError)) throw error;
      this.#options.log.error({ error }, "the disk did not take a change of the leases");
      return false;
    }
  }
}
