/**
 * What an elder and the newest access process say to each other on a unix socket, a line of JSON each. Whoever connects
 * is told all again, so that it does not matter which newest one it is.
 */
import { z } from "zod";
import { LeaseId } from "@remotegpu/shared/values/ids";
import { MAX_LEASES_OF_HOST } from "@remotegpu/shared/instance/lease";
import { MIB } from "@remotegpu/shared/values/units";
import { LeaseActivity, RelayMessage } from "../relay/relay-messages.ts";

export const MAX_DRAINING_LINE_BYTES = MIB;
const Reason = z.string().max(200);

export const FromDraining = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("hello"),
    pid: z.int().min(2),
    /** A pid alone may be another process's by the time that it is ended. */
    startTicks: z.int().nonnegative(),
    bundle: z.string().max(100),
    /** When it handed over, on the host's monotonic clock: the oldest is the first to go. */
    retiredMs: z.number(),
    /** It lets gateways into no instance that drains, and tells what is open there. Absent from those of before. */
    tellsStreams: z.literal(true).optional(),
  }),
  /** What the newest one said last was taken. */
  z.object({ kind: z.literal("heard") }),
  z.object({
    kind: z.literal("activity"),
    leases: z.array(LeaseActivity).max(4096),
    openConnections: z.int().nonnegative(),
  }),
  RelayMessage.book,
  /** Only to who asked for it. */
  RelayMessage.streams,
  /** The newest one is to end in order, and with it all: said by the process that was started first, where that is told to. */
  z.object({ kind: z.literal("end") }),
  /** It ends now; null: nobody is connected any more. */
  z.object({ kind: z.literal("bye"), because: Reason.nullable() }),
]);
export type FromDraining = z.infer<typeof FromDraining>;

export const ToDraining = z.discriminatedUnion("kind", [
  /** The leases that there are; connections of any other end. */
  z.object({ kind: z.literal("held"), leases: z.array(LeaseId).max(MAX_LEASES_OF_HOST) }),
  RelayMessage.login,
  RelayMessage.cut,
  RelayMessage.cutUnknown,
  /** Only to who tells of it. */
  RelayMessage.draining,
  z.object({ kind: z.literal("end"), because: Reason }),
]);
export type ToDraining = z.infer<typeof ToDraining>;
