/**
 * What the rest of the gateway knows of the way to hosts: a byte stream to a port of an instance's loopback, or a
 * sentence that says why there is none. Which way it goes is tunnels.ts.
 */
import type { Duplex } from "node:stream";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";

export interface Destination {
  hostId: HostId;
  instanceId: InstanceId;
  port: number;
  /**
   * With whom it may share a connection. What says little and lasts, with the whole host; what is short, one of which comes
   * after another, with its instance. Left out, it has one of its own.
   */
  shares?: "host" | "instance" | undefined;
  /** The address of an SSH client, who is told of in the environment's sessions like one of its leased port. */
  client?: string;
}

export interface Tunnels {
  /** Half-open: each way ends by itself. Neither has ended yet; errors after that are the stream's. @throws TunnelError */
  open(to: Destination): Promise<Duplex>;
}

/** away: the host is not reached. refused: it is, and leads nowhere. The message is a sentence for people. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  readonly reason: "away" | "refused";

  constructor(reason: "away" | "refused", sentence: string, cause?: unknown) {
    super(sentence, { cause });
    this.reason = reason;
  }
}
