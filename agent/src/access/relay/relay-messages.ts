/**
 * What the broker (root) and the relay (nobody) say to each other over Node's channel between parent and child.
 * The broker believes the relay no more than this: it can ask for a way to the service of a lease, by its id, or to
 * a port of an instance, as the gateways do.
 */
import { z } from "zod";
import { InstanceId, LeaseId } from "@remotegpu/shared/ids";
import { GatewayIdentity } from "./gateway-identity.ts";

const Port = z.int().min(1).max(65_535);
const DialId = z.int().nonnegative();
const Bytes = z.int().nonnegative();
/** Errors' codes, as Node names them. */
const Code = z.string().max(64);

export const ToRelay = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listen"), leaseId: LeaseId, port: Port, address: z.string().nullable() }),
  z.object({ kind: z.literal("close"), leaseId: LeaseId }),
  /** Opens the TLS port for gateways, or gives one that is open another identity; 0 takes any port. */
  z.object({
    kind: z.literal("open-gateway"),
    port: z.int().min(0).max(65_535),
    address: z.string().nullable(),
    identity: GatewayIdentity,
  }),
  /** The dialled socket comes with it. */
  z.object({ kind: z.literal("dialled"), dialId: DialId }),
  z.object({ kind: z.literal("not-dialled"), dialId: DialId }),
  /** The listening socket comes with each of the two; connections come in by it from now on. */
  z.object({ kind: z.literal("adopt"), leaseId: LeaseId, port: Port }),
  z.object({ kind: z.literal("adopt-gateway"), port: Port, identity: GatewayIdentity }),
  /** Shows all listening sockets and goes on as before. */
  z.object({ kind: z.literal("show-listeners") }),
  /** Listens no more; who is connected stays. */
  z.object({ kind: z.literal("retire") }),
]);
export type ToRelay = z.infer<typeof ToRelay>;

/** What happened on a lease since the last time it was told. */
export const LeaseActivity = z.object({
  leaseId: LeaseId,
  /** A client has sent something that was relayed, or a connection on which one had is still open. */
  isUsed: z.boolean(),
  bytesIn: Bytes,
  bytesOut: Bytes,
});
export type LeaseActivity = z.infer<typeof LeaseActivity>;

export const DialTarget = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("lease"), leaseId: LeaseId }),
  z.object({ kind: z.literal("instance"), instanceId: InstanceId, port: Port }),
]);
export type DialTarget = z.infer<typeof DialTarget>;

export const FromRelay = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready") }),
  z.object({ kind: z.literal("listening"), leaseId: LeaseId, port: Port }),
  z.object({ kind: z.literal("not-listening"), leaseId: LeaseId, port: Port, code: Code }),
  z.object({ kind: z.literal("gateway-open"), port: Port }),
  z.object({ kind: z.literal("gateway-not-open"), code: Code }),
  z.object({ kind: z.literal("dial"), dialId: DialId, target: DialTarget }),
  z.object({
    kind: z.literal("activity"),
    leases: z.array(LeaseActivity).max(4096),
    openConnections: z.int().nonnegative(),
  }),
  /** The socket comes with each of the two. */
  z.object({ kind: z.literal("listener"), leaseId: LeaseId, port: Port }),
  z.object({ kind: z.literal("gateway-listener"), port: Port }),
  z.object({ kind: z.literal("listeners-shown") }),
  /** No connection comes in any more; how many there are follows. */
  z.object({ kind: z.literal("retired") }),
]);
export type FromRelay = z.infer<typeof FromRelay>;
