/**
 * A lease: a port of a host, held for one service of one workload. The control plane orders it and the host alone
 * picks the number, so the number is only ever what a host has reported. A lease is taken once: when it is released,
 * by order or for idleness, it stays released, and whoever wants the port again orders a new one.
 */
import { z } from "zod";
import { ReportedReason } from "../reasons/host-reports/reported-reason.ts";
import { LeaseId, WorkloadId } from "../values/ids.ts";
import { text } from "../values/text.ts";

export const LEASE_SERVICES = ["ssh", "rdp", "jupyter", "tensorboard", "custom"] as const;
export type LeaseService = (typeof LEASE_SERVICES)[number];

/** Outside the range that the kernel gives to outgoing connections by default (32768–60999). */
export const LEASE_PORTS = { first: 20_000, last: 29_999 } as const;
export const DEFAULT_AUTO_RELEASE_HOURS = 48;
/** The leases of one host; they travel with the first page of the desired set and of the report. */
export const MAX_LEASES_OF_HOST = 1024;

const Port = z.int().min(1).max(65_535);

/** One lease as the host should have it. Absence takes nothing away; only `released` does. */
export const DesiredLease = z.object({
  leaseId: LeaseId,
  /** Whose port it is. It is held while the workload is stopped, and leads nowhere then. */
  workloadId: WorkloadId,
  service: z.enum(LEASE_SERVICES),
  internalPort: Port,
  /** Hours of observed time without access after which the host releases it by itself. */
  autoReleaseHours: z.int().min(1).max(87_600),
  want: z.enum(["held", "released"]),
});
export type DesiredLease = z.infer<typeof DesiredLease>;

/** What is there of a lease. Times are RFC 3339 labels of the host's wall clock, told to the minute or coarser. */
export const ObservedLease = z.object({
  leaseId: LeaseId,
  workloadId: WorkloadId,
  /**
   * waiting: not tried yet. held: bound, and whoever connects reaches the service. conflict: a stranger is on the
   * number that this lease has had; it is tried again. exhausted: no number is free. released: over, for good.
   */
  state: z.enum(["waiting", "held", "conflict", "exhausted", "released"]),
  /** The number that is or was held; null before the first bind. */
  externalPort: Port.nullable(),
  /** A sentence for people where there is something to say, else empty. */
  detail: text(200),
  /** The detail as a code. Agents of before send none. */
  reason: ReportedReason,
  lastAccessedAt: z.string().max(40).nullable(),
  /** When it will be released unless somebody connects; told only once the warning is due. */
  releaseDueAt: z.string().max(40).nullable(),
  releasedBecause: z.enum(["ordered", "idle"]).nullable(),
  // What follows agents of before do not tell.
  /** Which of the two warnings is due with `releaseDueAt`; an agent of before tells it together with the last one. */
  releaseWarning: z.enum(["first", "last"]).optional(),
  /** Through it, in its whole life, relayed from clients and to them; told in steps. */
  bytesIn: z.int().nonnegative().optional(),
  bytesOut: z.int().nonnegative().optional(),
  /**
   * Whether somebody answers behind it: of ssh its banner was seen, of others their port is open. Absent while the
   * container does not run and while nobody has looked.
   */
  answers: z.object({ isSeen: z.boolean(), detail: text(200), reason: ReportedReason }).optional(),
});
export type ObservedLease = z.infer<typeof ObservedLease>;
