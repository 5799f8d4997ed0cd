/**
 * The unprivileged side: binds the ports that it is told, and relays. It reaches containers only through sockets
 * that the broker dials and hands over.
 */
import { Socket } from "node:net";
import type { LeaseId } from "@remotegpu/shared/ids";
import { LeasedPort } from "./leased-port.ts";
import { GatewayPort } from "./gateway-port.ts";
import { ToRelay, type DialTarget, type FromRelay, type LeaseActivity } from "./relay-messages.ts";

const ACTIVITY_EVERY_MS = 5_000;
/** What came and went meanwhile is told together. */
const TELL_AFTER_MS = 100;
/** The broker gives up on a dial before. */
const ANSWER_WITHIN_MS = 15_000;
const MAX_OPEN_DIALS = 1024;

export class Relay {
  readonly #tell: (message: FromRelay) => void;
  readonly #ports = new Map<LeaseId, LeasedPort>();
  #gateway: GatewayPort | null = null;
  readonly #dials = new Map<number, (service: Socket | null) => void>();
  #lastDialId = 0;
  #openTold = 0;
  #telling: NodeJS.Timeout | null = null;

  constructor(tell: (message: FromRelay) => void) {
    this.#tell = tell;
  }

  start(): void {
    setInterval(() => this.#tellActivity(), ACTIVITY_EVERY_MS).unref();
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
      case "dialled":
        return this.#answerDial(message.dialId, handle instanceof Socket ? handle : null);
      case "not-dialled":
        return this.#answerDial(message.dialId, null);
    }
  }

  async #listen({ leaseId, port, address }: Extract<ToRelay, { kind: "listen" }>): Promise<void> {
    await this.#close(leaseId);
    const leased = new LeasedPort({
      leaseId,
      dial: (id) => this.#dial({ kind: "lease", leaseId: id }),
      onChange: () => this.#tellSoon(),
    });
    this.#ports.set(leaseId, leased);
    try {
      await leased.listen(port, address);
      this.#tell({ kind: "listening", leaseId, port });
    } catch (error) {
      this.#ports.delete(leaseId);
      this.#tell({ kind: "not-listening", leaseId, port, code: codeOf(error) });
    }
  }

  async #openGateway({ port, address, identity }: Extract<ToRelay, { kind: "open-gateway" }>): Promise<void> {
    try {
      if (this.#gateway === null) {
        const gateway = new GatewayPort({
          identity,
          dial: (target) => this.#dial({ kind: "instance", ...target }),
          onClosed: () => this.#tellSoon(),
        });
        await gateway.listen(port, address);
        this.#gateway = gateway;
      } else this.#gateway.setIdentity(identity);
      this.#tell({ kind: "gateway-open", port: this.#gateway.port });
    } catch (error) {
      this.#tell({ kind: "gateway-not-open", code: codeOf(error) });
    }
  }

  async #close(leaseId: LeaseId): Promise<void> {
    const leased = this.#ports.get(leaseId);
    this.#ports.delete(leaseId);
    await leased?.close();
  }

  #dial(target: DialTarget): Promise<Socket | null> {
    if (this.#dials.size >= MAX_OPEN_DIALS) return Promise.resolve(null);
    const dialId = (this.#lastDialId += 1);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#answerDial(dialId, null), ANSWER_WITHIN_MS);
      this.#dials.set(dialId, (service) => {
        clearTimeout(timer);
        resolve(service);
      });
      this.#tell({ kind: "dial", dialId, target });
    });
  }

  #answerDial(dialId: number, service: Socket | null): void {
    const answer = this.#dials.get(dialId);
    this.#dials.delete(dialId);
    if (service !== null) {
      // Node makes a socket that it was handed like one that ends with its reader; ours outlives a half-close.
      service.allowHalfOpen = true;
      service.on("error", () => service.destroy());
    }
    if (answer === undefined) service?.destroy();
    else answer(service);
  }

  #tellSoon(): void {
    this.#telling ??= setTimeout(() => this.#tellActivity(), TELL_AFTER_MS);
  }

  #tellActivity(): void {
    if (this.#telling !== null) clearTimeout(this.#telling);
    this.#telling = null;
    const leases: LeaseActivity[] = [];
    let openConnections = this.#gateway?.openConnections ?? 0;
    for (const leased of this.#ports.values()) {
      openConnections += leased.openConnections;
      const activity = leased.takeActivity();
      if (activity !== null) leases.push(activity);
    }
    if (leases.length === 0 && openConnections === this.#openTold) return;
    this.#openTold = openConnections;
    this.#tell({ kind: "activity", leases, openConnections });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown";
}
