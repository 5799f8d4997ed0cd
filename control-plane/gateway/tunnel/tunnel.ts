/**
 * What the rest of the gateway knows of the way to hosts: a byte stream to a port of an instance's loopback, or a
 * reason why there is none. Which way it goes is tunnels.ts.
 */
import type { Duplex } from "node:stream";
import { inEnglish } from "../../server/core/reasons/english/english.ts";
import { type GivenReason, reasonOf } from "../../server/core/reasons/plain-reason.ts";
import type { Reason } from "../../server/core/reasons/reason.ts";
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

/** away: the host is not reached. refused: it is, and leads nowhere. The message is the text of `why`. */
export class TunnelError extends Error {
  override readonly name = "TunnelError";
  readonly reason: "away" | "refused";

  readonly why: Reason;

  constructor(reason: "away" | "refused", given: GivenReason, cause?: unknown) {
    const why = reasonOf(given);
    super(inEnglish(why), { cause });
    this.reason = reason;
    this.why = why;
  }
}
