/**
 * One access process from its start to its end. It leads the ports of this host's leases until it is told to end, or until
 * the agent names another bundle, which the host has committed to: then it hands over to that bundle's process, and serves
 * as an elder what connections it has. Where that does not come up, it goes on as before and tries again later.
 */
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { LeaseId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { accessSocket, drainingSocket, type Config } from "../config/config.ts";
import { HandoverMoment, MAX_GENERATIONS, TOO_MANY } from "../core/access/generations.ts";
import { monotonicMs, readBootId } from "../host/clock.ts";
import { NotifyError, type ServiceNotifier } from "../host/notify.ts";
import { readProcessStart } from "../host/processes/process-liveness.ts";
import { isCommitted } from "../process/bundle.ts";
import { Broker } from "./broker.ts";
import type { OpenGateway } from "./relay-process/gateway-opening.ts";
import { RelayError } from "./relay-process/relay-handlers.ts";
import { RelayProcess } from "./relay-process/relay-process.ts";
import { DrainingProcess } from "./handover/draining-process.ts";
import { stayWithNewest } from "./handover/first-process.ts";
import { Successor, SuccessorError } from "./handover/successor.ts";
import { Predecessor, type Inheritable } from "./handover/predecessor.ts";

const RELAY_WITHIN_MS = 15_000;
const CHECK_EVERY_MS = 50;

export type AccessProcessOptions = {
  config: Config;
  notifier: ServiceNotifier;
  isUnderUnit: boolean;
  /** The folder of its code, if that is of a bundle; the others' lie beside it. */
  folder: string;
  bundle: string | null;
  ending: Promise<void>;
  /** Of the host: for times that people read, keys' ends among them. The monotonic one is all processes' own. */
  wallMs: () => number;
  log: Log;
};

type HandedOver = { leases: LeaseId[]; retiredMs: number };

export class AccessProcess {
  readonly #options: AccessProcessOptions;
  readonly #relay: RelayProcess;
  readonly #turn: HandoverMoment;
  readonly #requestedToEnd = Promise.withResolvers<void>();
  readonly #ending: Promise<void>;
  /** Something may be due. */
  #woken = Promise.withResolvers<void>();
  #isEnding = false;
  #isReady = false;
  #isReporting = false;

  constructor(options: AccessProcessOptions) {
    const { config, bundle, ending, log } = options;
    this.#options = options;
    this.#relay = new RelayProcess({ address: config.leaseAddress, log });
    this.#turn = new HandoverMoment(bundle);
    this.#ending = this.#untilRequested(ending);
  }

  async #untilRequested(ending: Promise<void>): Promise<void> {
    await Promise.race([ending, this.#requestedToEnd.promise]);
    this.#isEnding = true;
  }

  /** As a supervisor starts it. Returns its exit code. */
  async run(): Promise<number> {
    const isOver = await this.#lead(null);
    if (isOver === "in order" || this.#options.isUnderUnit) return 0;
    const { wasRequested } = await this.#stayWithNewest();
    return wasRequested ? 0 : 1;
  }

  /** As the process of another bundle starts it, which hands over to it. @throws HandoverError */
  async succeed(): Promise<number> {
    try {
      this.#relay.start();
      await this.#relay.ready(RELAY_WITHIN_MS);
      const predecessor = new Predecessor();
      await this.#lead({ predecessor, handedOver: await predecessor.take() });
      return 0;
    } catch (error) {
      // Nothing of it may stay, since the one that hands over goes on.
      await this.#relay.end();
      throw error;
    }
  }

  /** "as elder": it has handed over in the end, and what it had is over. */
  async #lead(
    from: { predecessor: Predecessor; handedOver: Inheritable } | null,
  ): Promise<"in order" | "as elder"> {
    const { log } = this.#options;
    let gateway = from === null ? null : gatewayOf(from.handedOver);
    let broker = await this.#newBroker(gateway);
    await broker.open(from?.handedOver.listeners);
    if (from !== null) {
      while (!broker.isServing) await delay(CHECK_EVERY_MS);
      from.predecessor.serves();
    }
    log.info({ range: this.#options.config.leasePorts }, "serving");
    // Not before: until it serves, one of an earlier version may have to go on with the file.
    if (isCommitted(this.#options.folder)) broker.raiseMinReader();
    for (;;) {
      await this.#untilDue();
      if (this.#isEnding) {
        await this.#end(broker);
        return "in order";
      }
      gateway = broker.gateway;
      const handedOver = await this.#handOver(broker, gateway);
      if (handedOver === "not") continue;
      if (handedOver !== "not any more") {
        const wasToEnd = this.#isEnding;
        await this.#drain(broker, handedOver);
        // Who asked for it took this one for the only one.
        if (wasToEnd) await this.#stayWithNewest();
        return "as elder";
      }
      broker = await this.#newBroker(gateway);
      await broker.open();
    }
  }

  #stayWithNewest(): Promise<{ wasRequested: boolean }> {
    const path = drainingSocket(this.#options.config.stateDir);
    return stayWithNewest({ path, ending: this.#ending, monotonicMs });
  }

  async #end(broker: Broker): Promise<void> {
    this.#options.log.info({}, "ending in order; leases keep their numbers");
    await this.#orLog(this.#options.notifier.stopping());
    await broker.end();
  }

  /** "not": this one is at work as it was; "not any more": it has left its broker, and needs another one. */
  async #handOver(broker: Broker, gateway: OpenGateway | null): Promise<HandedOver | "not" | "not any more"> {
    const { folder, notifier, log } = this.#options;
    const bundle = this.#turn.dueFor(monotonicMs()) ?? "";
    let successor: Successor | null = null;
    let hasLeft = false;
    try {
      successor = await Successor.start(join(dirname(folder), bundle));
      if (this.#isEnding) {
        await successor.end();
        return "not";
      }
      await broker.endDraining({ beyond: MAX_GENERATIONS - 2, because: TOO_MANY });
      hasLeft = true;
      await broker.leave();
      const listeners = await this.#relay.listeners();
      await successor.takeListeners(listeners);
      await successor.takeFolder(gateway?.identity ?? null);
      await this.#orLog(notifier.handOver(successor.pid));
      log.info({ bundle, pid: successor.pid }, "another version's access process has taken over");
      successor.release();
      const leases = listeners.flatMap(({ leaseId }) => leaseId ?? []);
      return { leases, retiredMs: monotonicMs() };
    } catch (error) {
      if (!(error instanceof SuccessorError || error instanceof RelayError)) throw error;
      await successor?.end();
      const { againInMs } = this.#turn.failed(monotonicMs());
      log.error({ error, bundle, againInMs }, "another version's access process did not take over");
      return hasLeft ? "not any more" : "not";
    }
  }

  async #drain(broker: Broker, { leases, retiredMs }: HandedOver): Promise<void> {
    const { config, bundle, isUnderUnit, log } = this.#options;
    const draining = new DrainingProcess({
      relay: this.#relay,
      dial: (target) => broker.dial(target),
      leases,
      path: drainingSocket(config.stateDir),
      isUnderUnit,
      hello: {
        pid: process.pid,
        startTicks: (await readProcessStart(process.pid)) ?? 0,
        bundle: bundle ?? "",
        retiredMs,
      },
      monotonicMs,
      log,
    });
    await draining.serve(this.#ending);
  }

  async #newBroker(handedOverGateway: OpenGateway | null): Promise<Broker> {
    const { config, wallMs, log } = this.#options;
    const broker: Broker = new Broker({
      stateDir: config.stateDir,
      socketPath: accessSocket(config.stateDir),
      drainingPath: drainingSocket(config.stateDir),
      relay: this.#relay,
      range: config.leasePorts,
      gatewayPort: config.gatewayPort,
      handedOverGateway,
      clock: { monotonicMs, wallMs },
      bootId: await readBootId(),
      onTick: () => {
        void this.#notifySystemd(broker);
        this.#woken.resolve();
      },
      onAgentsBundle: (bundle) => {
        this.#turn.agentRunsFrom(bundle);
        this.#woken.resolve();
      },
      onEnd: () => this.#requestedToEnd.resolve(),
      log,
    });
    return broker;
  }

  async #untilDue(): Promise<void> {
    while (!this.#isEnding && this.#turn.dueFor(monotonicMs()) === null) {
      await Promise.race([this.#woken.promise, this.#ending]);
      this.#woken = Promise.withResolvers();
    }
  }

  /** One word at a time; what could not be told is told at the next tick. */
  async #notifySystemd(broker: Broker): Promise<void> {
    const { notifier } = this.#options;
    if (this.#isReporting) return;
    this.#isReporting = true;
    await this.#orLog(notifier.alive(monotonicMs()));
    if (!this.#isReady && broker.isServing)
      this.#isReady = await this.#orLog(notifier.ready("holding the ports of this host's leases"));
    this.#isReporting = false;
  }

  /** False: systemd could not be notified. An untold watchdog ends this process in the end. */
  async #orLog(reported: Promise<void>): Promise<boolean> {
    try {
      await reported;
      return true;
    } catch (error) {
      if (!(error instanceof NotifyError)) throw error;
      this.#options.log.warn({ error }, "systemd could not be notified");
      return false;
    }
  }
}

function gatewayOf({ gateway, listeners }: Inheritable): OpenGateway | null {
  const port = listeners.find(({ leaseId }) => leaseId === null)?.port;
  return gateway === null || port === undefined ? null : { port, identity: gateway };
}
