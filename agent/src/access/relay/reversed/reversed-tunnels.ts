/**
 * The tunnels that this relay holds: one to each gateway that asks for it by the desired set. What is asked within them
 * is served as on the TLS port for gateways.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { TUNNEL_CLIENT_HEADER } from "@remotegpu/shared/gateway-tunnel";
import type { GatewayAddress } from "@remotegpu/shared/ssh-access";
import type { GatewayIdentity } from "../gateway-identity.ts";
import { type GatewayWish, type NoWay, statusOf, type WayForGateway, wishOf } from "../gateway-wish.ts";
import { ReversedTunnel } from "./reversed-tunnel.ts";
import { TunnelStream } from "./tunnel-stream.ts";

export class ReversedTunnels {
  readonly #open: (wish: GatewayWish) => Promise<WayForGateway | NoWay>;
  readonly #onChange: () => void;
  readonly #clock: { monotonicMs: () => number };
  readonly #tunnels = new Map<string, ReversedTunnel>();
  readonly #streams = new Set<ServerHttp2Stream>();
  #identity: GatewayIdentity | null = null;
  #isRetired = false;

  constructor(options: {
    open: (wish: GatewayWish) => Promise<WayForGateway | NoWay>;
    onChange: () => void;
    clock: { monotonicMs: () => number };
  }) {
    this.#open = options.open;
    this.#onChange = options.onChange;
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
        serve: (stream, headers) => void this.#serve(stream, headers),
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

  get openConnections(): number {
    return this.#streams.size;
  }

  async #serve(stream: ServerHttp2Stream, headers: Record<string, unknown>): Promise<void> {
    this.#streams.add(stream);
    this.#onChange();
    stream.once("close", () => {
      this.#streams.delete(stream);
      this.#onChange();
    });
    stream.on("error", () => undefined);
    if (headers[":method"] !== "CONNECT") return refuse(stream, 405);
    const wish = wishOf(headers[":authority"], headers[TUNNEL_CLIENT_HEADER]);
    if (wish === null) return refuse(stream, 400);
    const way = await this.#open(wish);
    if (typeof way === "string") return refuse(stream, statusOf(way));
    const { service, carry } = way;
    if (stream.destroyed) return void service.destroy();
    stream.respond({ ":status": 200 });
    carry((onClosed) => new TunnelStream(stream, service, ({ end }) => onClosed(end)));
  }
}

function refuse(stream: ServerHttp2Stream, status: 400 | 405 | 409 | 503): void {
  if (stream.destroyed) return;
  stream.respond({ ":status": status }, { endStream: true });
  // What it still sends is of no interest.
  stream.close(constants.NGHTTP2_NO_ERROR);
}
