/**
 * What a gateway asks of this host, by whichever connection: a port of an instance, and for a server of SSH or RDP whom it
 * brings there. Whether whoever asks is a gateway is known before.
 */
import { isIP } from "node:net";
import { InstanceId } from "@remotegpu/shared/values/ids";
import { addressOf } from "../../../core/access/client-group.ts";
import type { RelaySocket } from "./relay-socket.ts";
import type { ConnectionEnd } from "./relayed-connection.ts";
import type { Carried } from "./visit.ts";

const TARGET = /^([a-z0-9][a-z0-9-]{0,62}):([1-9]\d{0,4})$/;
const MAX_PORT = 65_535;

export type GatewayRequest = {
  instanceId: InstanceId;
  port: number;
  /** The address of a client of SSH or RDP, who is told of like one of the leased port; null: nobody is. */
  client: string | null;
};

/**
 * Not there: nobody answers now. Not leased: the port of that service was released, so nobody comes in by it any more.
 * Draining: it ends what it was given, and is given no more.
 */
export type NoRoute = "not-there" | "not-leased" | "draining";

export type GatewayRoute = {
  service: RelaySocket;
  /** To be called once, at once. */
  carry: (begin: (onClosed: (end: ConnectionEnd) => void) => Carried) => void;
};

/** Null: it is no wish. */
export function gatewayRequestOf(target: unknown, client: unknown): GatewayRequest | null {
  const [, instance, port] = TARGET.exec(typeof target === "string" ? target : "") ?? [];
  const instanceId = InstanceId.safeParse(instance);
  if (!instanceId.success || Number(port) > MAX_PORT) return null;
  if (client === undefined) return { instanceId: instanceId.data, port: Number(port), client: null };
  if (typeof client !== "string" || isIP(client) === 0) return null;
  return { instanceId: instanceId.data, port: Number(port), client: addressOf(client) };
}

/** 409: what stands in the way is not that it is away. */
export function statusOf(no: NoRoute): 409 | 503 {
  return no === "not-leased" ? 409 : 503;
}
