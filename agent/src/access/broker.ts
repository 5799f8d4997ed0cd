/**
 * The access process put together: the book of leases, the relay that binds and carries, the way into containers,
 * and the socket on which the agent says what it wants. With the agent away it serves the last list.
 */
import type { Socket } from "node:net";
import type { Log } from "@remotegpu/shared/log";
import type { LeaseId } from "@remotegpu/shared/ids";
import { ACCESS_LOCK_FILE, lockFolder } from "../journal/database/folder-lock.ts";
import type { PortRange } from "../core/leases/lease-port.ts";
import type { AccessList, ReachableInstance } from "./control-messages.ts";
import type { GatewayIdentity } from "./relay/gateway-identity.ts";
import { ControlServer } from "./control-server.ts";
import { dialInto, DialError } from "./dial.ts";
import { LeaseKeeper, TICK_EVERY_MS } from "./lease-keeper.ts";
import { LeaseStoreError, openLeaseStore, type LeaseStore } from "./lease-store.ts";
import { ObservedLeases } from "./observed-leases.ts";
import { RelayProcess } from "./relay-process.ts";
import { ServiceProbe } from "./service-probe.ts";
import type { DialTarget } from "./relay/relay-messages.ts";
import { Succession } from "./succession.ts";

/** A stranger on the port may go. */
const GATEWAY_AGAIN_AFTER_MS = 30_000;

export type BrokerOptions = {
  stateDir: string;
  socketPath: string;
  range: PortRange;
  /** To bind; null for all of the host's. */
  address: string | null;
  /** For gateways; 0 takes any. */
  gatewayPort: number;
  bundle: string | null;
  clock: { monotonicMs: () => number; wallMs: () => number };
  bootId: string;
  onTick: () => void;
  /** Another bundle's process should take over: end this one. */
  onSucceeded: () => void;
  log: Log;
};

export class Broker {
  readonly #options: BrokerOptions;
  readonly #store: LeaseStore;
  readonly #keeper: LeaseKeeper;
  readonly #relay: RelayProcess;
  readonly #server: ControlServer;
  readonly #observed = new ObservedLeases();
  readonly #succession: Succession;
  readonly #probe: ServiceProbe;
  readonly #release: () => void;
  #instances: readonly ReachableInstance[];
  #gatewayIdentity: GatewayIdentity | null = null;
  /** Where it is open now, and where it was last: the same number is asked for again. */
  #gatewayPort: number | null = null;
  #lastGatewayPort: number | null = null;
  #gatewayTriedMs = Number.NEGATIVE_INFINITY;
  #answered: { serial: number; refused: string | null } | null = null;
  #lastTold = "";
  #ticking: NodeJS.Timeout | undefined;

  /** @throws FolderLockedError when another one runs on the folder */
  constructor(options: BrokerOptions) {
    this.#options = options;
    const { stateDir, range, address, bundle, clock, log, bootId } = options;
    const lock = lockFolder(stateDir, { file: ACCESS_LOCK_FILE, holder: "access process" });
    this.#release = () => lock.release();
    const { store, isReplaced } = openLeaseStore(stateDir);
    if (isReplaced)
      log.error({}, "the file of leases was unreadable and was set aside; leases get new numbers");
    this.#store = store;
    this.#instances = store.reachable(bootId);
    this.#succession = new Succession({ own: bundle, endedFor: store.endedFor, nowMs: clock.monotonicMs() });
    this.#probe = new ServiceProbe({ monotonicMs: clock.monotonicMs, onNews: () => this.#tell(), log });
    this.#relay = new RelayProcess({
      address,
      log,
      handlers: {
        onUp: () => {
          this.#keeper.rebind();
          this.#openGateway();
        },
        onDown: () => this.#keeper.unbound(),
        onActivity: (leases, openConnections) => {
          this.#succession.connected(openConnections, clock.monotonicMs());
          this.#keeper.noteActivity(leases);
        },
        dial: (target) => this.#dial(target),
        onGateway: (port) => {
          this.#gatewayPort = port;
          this.#lastGatewayPort = port ?? this.#lastGatewayPort;
          this.#tell();
        },
      },
    });
    this.#keeper = new LeaseKeeper({
      store,
      binder: this.#relay,
      range,
      clock,
      chance: Math.random,
      onNews: () => this.#tell(),
      log,
    });
    this.#server = new ControlServer({
      path: options.socketPath,
      onList: (list) => this.#take(list),
      log,
    });
  }

  /** @throws ControlSocketError */
  async open(): Promise<void> {
    this.#relay.start();
    await this.#server.open();
    this.#ticking = setInterval(() => this.#tick(), TICK_EVERY_MS);
  }

  /** Connections end with it; leases and their numbers stay in the book. */
  async end(): Promise<void> {
    clearInterval(this.#ticking);
    this.#probe.close();
    await this.#server.close();
    await this.#relay.end();
    await this.#keeper.settled();
    this.#orLog(() => this.#keeper.writeDown());
    this.#store.close();
    this.#release();
  }

  /** What is held is bound, and somebody is there to bind more. */
  get isServing(): boolean {
    return this.#relay.pid !== null && this.#keeper.isCaughtUp;
  }

  #take(list: AccessList): void {
    const { bootId } = this.#options;
    this.#succession.agentRunsFrom(list.bundle);
    const { instances } = list;
    if (instances !== null) this.#instances = instances;
    if (JSON.stringify(list.gateway) !== JSON.stringify(this.#gatewayIdentity)) {
      this.#gatewayIdentity = list.gateway;
      this.#openGateway();
    }
    let refused: string | null = "its disk takes no writes";
    this.#orLog(() => {
      if (instances !== null) this.#store.keepReachable(bootId, instances);
      ({ refused } = this.#keeper.take(list));
    });
    if (refused !== null) this.#options.log.warn({ refused }, "a list of leases was refused");
    this.#answered = { serial: list.serial, refused };
    this.#lastTold = "";
    this.#tell();
    this.#keeper.wake();
  }

  #tell(): void {
    if (this.#answered === null || !this.isServing) return;
    const { clock } = this.#options;
    const { reported } = this.#keeper;
    this.#probe.follow(reported, this.#instances);
    const leases = this.#observed.of(reported, {
      nowMs: this.#keeper.nowMs,
      wallMs: clock.wallMs(),
      answerOf: (leaseId) => this.#probe.answerOf(leaseId),
    });
    const gatewayPort = this.#gatewayPort;
    const text = JSON.stringify([leases, gatewayPort]);
    if (text === this.#lastTold) return;
    this.#lastTold = text;
    this.#server.tell({ kind: "held", ...this.#answered, leases, gatewayPort });
  }

  /** One that is open when the identity is taken away stays as it is: a host has one for life. */
  #openGateway(): void {
    if (this.#gatewayIdentity === null) return;
    this.#gatewayTriedMs = this.#options.clock.monotonicMs();
    this.#relay.openGateway(this.#lastGatewayPort ?? this.#options.gatewayPort, this.#gatewayIdentity);
  }

  async #dial(target: DialTarget): Promise<Socket> {
    if (target.kind === "lease") return this.#dialService(target.leaseId);
    const instance = this.#instances.find(({ instanceId }) => instanceId === target.instanceId);
    if (instance === undefined) throw new DialError(`instance ${target.instanceId} does not run here`);
    return dialInto(instance, target.port);
  }

  async #dialService(leaseId: LeaseId): Promise<Socket> {
    const lease = this.#keeper.held(leaseId);
    const instance =
      lease === null
        ? undefined
        : this.#instances.findLast(({ workloadId }) => workloadId === lease.workloadId);
    if (lease === null || instance === undefined)
      throw new DialError(`lease ${leaseId} leads nowhere: its workload does not run`);
    try {
      return await dialInto(instance, lease.internalPort);
    } catch (error) {
      if (error instanceof DialError) this.#probe.suspect(leaseId);
      throw error;
    }
  }

  #tick(): void {
    const { clock, log, onTick, onSucceeded } = this.#options;
    this.#keeper.tick();
    this.#tell();
    const nowMs = clock.monotonicMs();
    if (this.#gatewayPort === null && nowMs - this.#gatewayTriedMs >= GATEWAY_AGAIN_AFTER_MS)
      this.#openGateway();
    const successor = this.#succession.dueFor(nowMs);
    if (
      successor !== null &&
      this.#orLog(() => this.#store.write(this.#keeper.nowMs, { endedFor: successor }))
    ) {
      log.info(
        { successor },
        "nobody is connected: this process ends, and its unit starts the other version",
      );
      onSucceeded();
    }
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
