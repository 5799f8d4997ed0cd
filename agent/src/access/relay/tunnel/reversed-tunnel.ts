/**
 * The tunnel to one gateway that cannot reach this host: dials it by TLS, proves who both are by certificates, and
 * serves its `CONNECT`s as streams of that one connection. A tunnel that is lost is dialled anew.
 */
import type { ServerHttp2Session } from "node:http2";
import { connect, type TLSSocket } from "node:tls";
import { GATEWAY_NAME } from "@remotegpu/shared/messages/joining";
import type { GatewayAddress } from "@remotegpu/shared/instance/ssh-access";
import { redialAfterMs, STEADY_MS } from "../../../core/access/redial.ts";
import type { GatewayIdentity } from "../connections/gateway-identity.ts";
import type { TunnelStreams } from "./tunnel-streams.ts";

const DIAL_WITHIN_MS = 10_000;
export class ReversedTunnel {
  readonly #address: GatewayAddress;
  readonly #identity: () => GatewayIdentity;
  readonly #streams: TunnelStreams;
  readonly #clock: { monotonicMs: () => number };
  #socket: TLSSocket | null = null;
  #session: ServerHttp2Session | null = null;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #isRetired = false;

  constructor(options: {
    address: GatewayAddress;
    /** Of the moment: it is renewed now and then. */
    identity: () => GatewayIdentity;
    streams: TunnelStreams;
    clock: { monotonicMs: () => number };
  }) {
    this.#address = options.address;
    this.#identity = options.identity;
    this.#streams = options.streams;
    this.#clock = options.clock;
  }

  start(): void {
    const { key, certificate, ca } = this.#identity();
    const { host, port } = this.#address;
    const socket = connect({
      host,
      port,
      key,
      cert: certificate,
      ca,
      servername: GATEWAY_NAME,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["h2"],
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    const timer = setTimeout(() => socket.destroy(), DIAL_WITHIN_MS);
    let sinceMs: number | null = null;
    socket.once("secureConnect", () => {
      clearTimeout(timer);
      sinceMs = this.#clock.monotonicMs();
      this.#session = this.#streams.serveOn(socket);
    });
    // What went wrong is seen by its end.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => {
      clearTimeout(timer);
      const stoodMs = sinceMs === null ? 0 : this.#clock.monotonicMs() - sinceMs;
      this.#lost(stoodMs);
    });
  }

  /** No stream comes any more; those that are open stay, and the tunnel with them. */
  retire(): void {
    this.#isRetired = true;
    clearTimeout(this.#timer);
    if (this.#session === null) this.#socket?.destroy();
    else this.#session.close();
  }

  #lost(stoodMs: number): void {
    this.#socket = null;
    this.#session = null;
    if (this.#isRetired) return;
    this.#failures = stoodMs >= STEADY_MS ? 1 : this.#failures + 1;
    this.#timer = setTimeout(() => this.start(), redialAfterMs(this.#failures, Math.random()));
  }
}
