/**
 * What the broker (root) and the relay (nobody) say to each other over Node's channel between parent and child.
 * The broker believes the relay no more than this: it can ask for a way to the service of a lease, by its id.
 */
import { z } from "zod";
import { LeaseId } from "@remotegpu/shared/ids";

const Port = z.int().min(1).max(65_535);
const DialId = z.int().nonnegative();
const Bytes = z.int().nonnegative();
/** Errors' codes, as Node names them. */
const Code = z.string().max(64);

export const ToRelay = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("listen"), leaseId: LeaseId, port: Port, address: z.string().nullable() }),
  z.object({ kind: z.literal("close"), leaseId: LeaseId }),
  /** The dialled socket comes with it. */
  z.object({ kind: z.literal("dialled"), dialId: DialId }),
  z.object({ kind: z.literal("not-dialled"), dialId: DialId }),
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

export const FromRelay = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ready") }),
  z.object({ kind: z.literal("listening"), leaseId: LeaseId, port: Port }),
  z.object({ kind: z.literal("not-listening"), leaseId: LeaseId, port: Port, code: Code }),
  z.object({ kind: z.literal("dial"), dialId: DialId, leaseId: LeaseId }),
  z.object({
    kind: z.literal("activity"),
    leases: z.array(LeaseActivity).max(4096),
    openConnections: z.int().nonnegative(),
  }),
]);
export type FromRelay = z.infer<typeof FromRelay>;
