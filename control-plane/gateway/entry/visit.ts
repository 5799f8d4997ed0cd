/**
 * One visit: somebody with a right to a service or port of an environment that runs, for as long as one request or one
 * WebSocket lasts. Whoever serves it gets it whole, and ends when its signal does.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { HostId, InstanceId } from "@remotegpu/shared/values/ids";
import type { ServiceAnswer } from "@remotegpu/shared/instance/instance";
import type { Entry } from "../../server/core/gateway/entry.ts";
import type { GatewayTarget } from "../../server/core/environments/web-target.ts";

export interface Visit {
  entry: Entry;
  environment: {
    id: string;
    name: string;
    hostId: HostId;
    instanceId: InstanceId;
    placementEpoch: number;
  };
  /** A number is a port of the container. */
  target: GatewayTarget;
  /** What its host saw of that service last; null where nothing is known. */
  answer: ServiceAnswer | null;
  /** Aborted when the right to it, or the environment, has gone; its reason is a Reason. */
  signal: AbortSignal;
}

/** What serves a target that no container does. The socket of an upgrade is the handler's from then on. */
export interface VisitHandler {
  request(request: IncomingMessage, response: ServerResponse, visit: Visit): void | Promise<void>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, visit: Visit): void | Promise<void>;
}
