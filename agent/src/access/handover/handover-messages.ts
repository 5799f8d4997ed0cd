/**
 * What an access process and its heir, that of another bundle, say to each other over Node's channel while the one hands
 * over to the other. Nothing of it is given up before the heir could do with it what it has to.
 */
import { z } from "zod";
import { LeaseId } from "@remotegpu/shared/values/ids";
import { GatewayIdentity } from "../relay/connections/gateway-identity.ts";

const Port = z.int().min(1).max(65_535);

export const ToSuccessor = z.discriminatedUnion("kind", [
  /** The listening socket comes with it. Null: the TLS port for gateways. */
  z.object({ kind: z.literal("listener"), leaseId: LeaseId.nullable(), port: Port }),
  /** All listeners have come, and the folder is free: its lock, its file and its sockets. */
  z.object({ kind: z.literal("yours"), gateway: GatewayIdentity.nullable() }),
]);
export type ToSuccessor = z.infer<typeof ToSuccessor>;

export const FromSuccessor = z.discriminatedUnion("kind", [
  /** Its code is loaded and its relay runs as nobody. */
  z.object({ kind: z.literal("ready"), pid: z.int().min(2) }),
  /** Connections come in through it, and the agent is heard. */
  z.object({ kind: z.literal("serving") }),
]);
export type FromSuccessor = z.infer<typeof FromSuccessor>;
