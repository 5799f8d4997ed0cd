/**
 * The TLS port for gateways, as the broker has its relay open it: on the number that it had before, with the identity that
 * the agent tells, and again after a while where a stranger was on that number; and the gateways that the relay dials with
 * the same identity, since they cannot reach that port.
 */
import type { GatewayAddress } from "@remotegpu/shared/instance/ssh-access";
import type { GatewayIdentity } from "../relay/connections/gateway-identity.ts";
import type { RelayProcess } from "./relay-process.ts";

/** A stranger on the port may go. */
const AGAIN_AFTER_MS = 30_000;

/** An open one. */
export type OpenGateway = { port: number; identity: GatewayIdentity };

export class GatewayOpening {
  readonly #relay: RelayProcess;
  readonly #firstPort: number;
  readonly #isHandedOver: boolean;
  readonly #monotonicMs: () => number;
  #identity: GatewayIdentity | null;
  #toDial: readonly GatewayAddress[] = [];
  /** Where it is open now, and where it was last: the same number is asked for again. */
  #port: number | null = null;
  #lastPort: number | null;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    relay: RelayProcess;
    /** 0 takes any. */
    firstPort: number;
    /** Of the process before, whose port this one's relay has. */
    handedOver: OpenGateway | null;
    monotonicMs: () => number;
  }) {
    this.#relay = options.relay;
    this.#firstPort = options.firstPort;
    this.#isHandedOver = options.handedOver !== null;
    this.#identity = options.handedOver?.identity ?? null;
    this.#lastPort = options.handedOver?.port ?? null;
    this.#monotonicMs = options.monotonicMs;
  }

  get identity(): GatewayIdentity | null {
    return this.#identity;
  }

  get port(): number | null {
    return this.#port;
  }

  /** Null while it is not open. */
  get now(): OpenGateway | null {
    return this.#port === null || this.#identity === null
      ? null
      : { port: this.#port, identity: this.#identity };
  }

  /** What was open before is open again. */
  get isServing(): boolean {
    return !this.#isHandedOver || this.#port !== null;
  }

  follow(identity: GatewayIdentity | null, toDial: readonly GatewayAddress[]): void {
    const isNewIdentity = JSON.stringify(identity) !== JSON.stringify(this.#identity);
    const isNewList = JSON.stringify(toDial) !== JSON.stringify(this.#toDial);
    this.#identity = identity;
    this.#toDial = toDial;
    if (isNewIdentity) this.open();
    else if (isNewList) this.#dial();
  }

  /** One that is open when the identity is taken away stays as it is: a host has one for life. */
  open(): void {
    if (this.#identity === null) return;
    this.#triedMs = this.#monotonicMs();
    this.#relay.openGateway(this.#lastPort ?? this.#firstPort, this.#identity);
    this.#dial();
  }

  #dial(): void {
    if (this.#identity !== null) this.#relay.followGateways([...this.#toDial], this.#identity);
  }

  /** As the relay tells it; null: it is closed. */
  reported(port: number | null): void {
    this.#port = port;
    this.#lastPort = port ?? this.#lastPort;
  }

  /** To be called about every second. */
  tick(): void {
    if (this.#port === null && this.#monotonicMs() - this.#triedMs >= AGAIN_AFTER_MS) this.open();
  }
}
