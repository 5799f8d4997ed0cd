/**
 * The way to NATS of a gateway that runs alone, where it is told one: it hears at once that something has changed in the
 * fleet, has the servers' loops woken for what was ordered by whoever came in, and nudges hosts. Without it the gateway
 * finds all of that by its own polls, and others what it wrote by theirs.
 */
import type { NatsConnection } from "nats";
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Log } from "@remotegpu/shared/log";
import { outsideOfTraces } from "@remotegpu/shared/tracing/current-trace";
import { type RunningLoop, startLoop } from "./controllers/loop.ts";
import { HostOrders } from "./link/hosts/host-orders.ts";
import { connectControlPlane, type NatsAddress, NatsUnreachableError } from "./link/servers/connection.ts";
import type { Operator } from "./link/servers/operator.ts";
import { Wakes } from "./link/servers/wakes.ts";

const CHECK_EVERY_MS = 2_000;

export class GatewayLink {
  readonly #parts: { operator: Operator; address: NatsAddress; log: Log };
  readonly #wakes = new Wakes();
  #route: { connection: NatsConnection; orders: HostOrders } | null = null;
  #loop: RunningLoop | null = null;
  #isAway = false;

  constructor(parts: { operator: Operator; address: NatsAddress; log: Log }) {
    this.#parts = parts;
  }

  /** @param woken something has changed somewhere */
  start(woken: () => void): void {
    this.#loop ??= startLoop({
      name: "nats",
      everyMs: CHECK_EVERY_MS,
      pass: () => this.#check(woken),
      log: this.#parts.log,
    });
  }

  nudge(host: HostId): void {
    this.#route?.orders.nudge(host);
  }

  wakeOthers(): void {
    if (this.#route !== null) this.#wakes.report(this.#route.connection);
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
    await this.#route?.connection.close();
  }

  /** Once it is connected, it stays so by itself. */
  async #check(woken: () => void): Promise<void> {
    if (this.#route !== null) return;
    const { operator, address, log } = this.#parts;
    try {
      // It outlives the pass that opens it.
      this.#route = await outsideOfTraces(async () => {
        const connection = await connectControlPlane(operator, address, log);
        this.#wakes.hear(connection, woken);
        return { connection, orders: new HostOrders(connection) };
      });
    } catch (error) {
      if (!(error instanceof NatsUnreachableError)) throw error;
      if (!this.#isAway) log.warn({ error }, "this gateway receives no changes over NATS now; it polls");
      this.#isAway = true;
      return;
    }
    log.info({}, "this gateway receives changes over NATS");
    woken();
  }
}
