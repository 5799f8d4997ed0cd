/** The tunnels that this relay has dialled: one to each gateway that asks for it by the desired set. */
import type { GatewayAddress } from "@remotegpu/shared/instance/ssh-access";
import type { GatewayIdentity } from "../connections/gateway-identity.ts";
import { ReversedTunnel } from "./reversed-tunnel.ts";
import type { TunnelStreams } from "./tunnel-streams.ts";

export class ReversedTunnels {
  readonly #streams: TunnelStreams;
  readonly #clock: { monotonicMs: () => number };
  readonly #tunnels = new Map<string, ReversedTunnel>();
  #identity: GatewayIdentity | null = null;
  #isRetired = false;

  constructor(options: { streams: TunnelStreams; clock: { monotonicMs: () => number } }) {
    this.#streams = options.streams;
    this.#clock = options.clock;
  }

  /** All of them; what is not among them any more is given up as soon as nothing runs through it. */
  follow(gateways: readonly GatewayAddress[], identity: GatewayIdentity): void {
    if (this.#isRetired) return;
    this.#identity = identity;
    const wanted = new Map(gateways.map((address) => [`${address.host} ${address.port}`, address]));
    for (const [key, tunnel] of this.#tunnels) {
      if (wanted.has(key)) continue;
      this.#tunnels.delete(key);
      tunnel.retire();
    }
    for (const [key, address] of wanted) {
      if (this.#tunnels.has(key)) continue;
      const tunnel = new ReversedTunnel({
        address,
        identity: () => this.#identity ?? identity,
        streams: this.#streams,
        clock: this.#clock,
      });
      this.#tunnels.set(key, tunnel);
      tunnel.start();
    }
  }

  /** Another relay dials from now on; what runs through this one's tunnels goes on. */
  retire(): void {
    this.#isRetired = true;
    for (const tunnel of this.#tunnels.values()) tunnel.retire();
    this.#tunnels.clear();
  }
}
