/**
 * What the agent and the access process say to each other on the control socket, a line of JSON each. The agent
 * tells all it knows each time; the access process answers with all it holds, and again whenever that changes. In an
 * upgrade, or on the way back from one, the two are of different versions for a while: what was added since has a default.
 */
import { z } from "zod";
import { InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import {
  DesiredLease,
  LEASE_SERVICES,
  MAX_LEASES_OF_HOST,
  ObservedLease,
} from "@remotegpu/shared/instance/lease";
import {
  AccessReport,
  Cut,
  GatewayAddress,
  MAX_CUTS,
  MAX_GATEWAYS,
  MAX_KEY_SETS,
  MAX_KEYS_OF_SET,
  MAX_SETS_OF_INSTANCE,
} from "@remotegpu/shared/instance/ssh-access";
import { ReportedReason } from "@remotegpu/shared/reasons/host-reports/reported-reason";
import { MIB } from "@remotegpu/shared/values/units";
import { GatewayIdentity } from "../relay/connections/gateway-identity.ts";

/** All leases of a host are half a mebibyte, and a hundred thousand keys the most of the rest. */
export const MAX_LINE_BYTES = 8 * MIB;
const MAX_INSTANCES = 1024;
/** Of one container. */
const MAX_SERVICES = 8;
/** All that a book holds. */
const MAX_TAKEN = 8_192;

/** Keys by their fingerprints, until when each opens. */
export const FingerprintSet = z.object({
  id: z.string().max(64),
  keys: z
    .array(z.object({ fingerprint: z.string().max(64), expiresAtMs: z.int().nullable() }))
    .max(MAX_KEYS_OF_SET),
});
export type FingerprintSet = z.infer<typeof FingerprintSet>;

/** Who may be in a container by SSH, of our own server. */
const OpenTo = z.object({
  keySets: z.array(z.string().max(64)).max(MAX_SETS_OF_INSTANCE),
  /** Another one with each password, from which nobody learns it; null: there is none. */
  passwordMark: z.string().max(64).nullable(),
});

/** Named as the agent's report names it; `service` says how one sees that it answers. */
const WatchedService = z.object({
  name: z.string().max(32),
  service: z.enum(LEASE_SERVICES),
  internalPort: z.int().min(1).max(65_535),
});

/** Of an agent that does not say it. */
const RUN_OF_BEFORE = RunId.parse("not-said");

/** A container that may be dialled into: its first process, which is meant only together with its start ticks. */
export const ReachableInstance = z.object({
  workloadId: WorkloadId,
  instanceId: InstanceId,
  runId: RunId.default(RUN_OF_BEFORE),
  pid: z.int().min(2),
  startTicks: z.int().nonnegative(),
  /**
   * Null: nobody enters it so any more. Absent: nothing is said, as by an agent that has just begun, so what was said
   * before holds; of a container that never was entered so there is nothing to say.
   */
  openTo: OpenTo.nullable().optional(),
  /** What is to answer in it whether a lease leads there or not. */
  services: z.array(WatchedService).max(MAX_SERVICES).optional(),
  /** It ends what it was given: no gateway is let in any more. */
  draining: z.literal(true).optional(),
});
export type ReachableInstance = z.infer<typeof ReachableInstance>;

export const AccessList = z.object({
  kind: z.literal("list"),
  /** Repeated in the answer, so that an answer is known to be to this. */
  serial: z.int().nonnegative(),
  /** Of the desired set that the leases are from; older ones than known are refused. */
  term: z.int().nonnegative(),
  generation: z.int().nonnegative(),
  /** The bundle that the host has committed to (agents of before: that they run from); null outside of one. */
  bundle: z.string().max(100).nullable(),
  leases: z.array(DesiredLease).max(MAX_LEASES_OF_HOST),
  /** Null: the agent does not know yet, so those of before stay. */
  instances: z.array(ReachableInstance).max(MAX_INSTANCES).nullable(),
  /** Null: this host has no certificate yet. */
  gateway: GatewayIdentity.nullable(),
  /** That cannot reach this host, so that it dials them. */
  gateways: z.array(GatewayAddress).max(MAX_GATEWAYS).default([]),
  /** Those that the instances name. */
  keySets: z.array(FingerprintSet).max(MAX_KEY_SETS).default([]),
  /** Sessions that are to end. */
  cuts: z.array(Cut).max(MAX_CUTS).default([]),
  /** Ended sessions and attempts that the control plane has: the book may forget them. */
  taken: z.array(z.string().max(64)).max(MAX_TAKEN).default([]),
});
export type AccessList = z.infer<typeof AccessList>;

export const AccessMessage = z.object({
  kind: z.literal("held"),
  /** The last list that was looked at. */
  serial: z.int().nonnegative(),
  /** Why that list's leases were not followed; its instances are all the same. */
  refused: z.string().max(500).nullable(),
  leases: z.array(ObservedLease).max(MAX_LEASES_OF_HOST),
  /** Where gateways connect; null while it is not open. */
  gatewayPort: z.int().min(1).max(65_535).nullable(),
  /** How the numbers of leases are used; absent from processes of before. */
  ports: z
    .object({ active: z.int().nonnegative(), cooling: z.int().nonnegative(), free: z.int().nonnegative() })
    .optional(),
  access: AccessReport.default({ sessions: [], attempts: [], isWhole: false }),
  /** Of the services that were to be watched, what was seen of each; those that nobody has looked at are missing. */
  services: z
    .array(
      z.object({
        runId: RunId,
        name: z.string().max(32),
        isSeen: z.boolean(),
        detail: z.string().max(200),
        reason: ReportedReason,
      }),
    )
    .max(MAX_INSTANCES * MAX_SERVICES)
    .default([]),
  /** Of the instances that drain, what gateways have open to each; those of which not all is known are missing. */
  streams: z
    .array(z.object({ instanceId: InstanceId, open: z.int().nonnegative() }))
    .max(MAX_INSTANCES)
    .default([]),
});
export type AccessMessage = z.infer<typeof AccessMessage>;

/** What was said makes no sense; the connection ends after it. */
const AccessRefusal = z.object({ kind: z.literal("refused"), reason: z.string().max(500) });
export const AccessAnswer = z.discriminatedUnion("kind", [AccessMessage, AccessRefusal]);
