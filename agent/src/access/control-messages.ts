/**
 * What the agent and the access process say to each other on the control socket, a line of JSON each. The agent
 * tells all it knows each time; the access process answers with all it holds, and again whenever that changes.
 */
import { z } from "zod";
import { InstanceId, WorkloadId } from "@remotegpu/shared/ids";
import { DesiredLease, MAX_LEASES_OF_HOST, ObservedLease } from "@remotegpu/shared/lease";
import { MIB } from "@remotegpu/shared/units";
import { GatewayIdentity } from "./relay/gateway-identity.ts";

/** A full list is half of it. */
export const MAX_LINE_BYTES = MIB;
const MAX_INSTANCES = 1024;

/** A container that may be dialled into: its first process, which is meant only together with its start ticks. */
export const ReachableInstance = z.object({
  workloadId: WorkloadId,
  instanceId: InstanceId,
  pid: z.int().min(2),
  startTicks: z.int().nonnegative(),
});
export type ReachableInstance = z.infer<typeof ReachableInstance>;

export const AccessList = z.object({
  kind: z.literal("list"),
  /** Repeated in the answer, so that an answer is known to be to this. */
  serial: z.int().nonnegative(),
  /** Of the desired set that the leases are from; older ones than known are refused. */
  term: z.int().nonnegative(),
  generation: z.int().nonnegative(),
  /** Of the bundle that the agent runs from; null outside of one. */
  bundle: z.string().max(100).nullable(),
  leases: z.array(DesiredLease).max(MAX_LEASES_OF_HOST),
  /** Null: the agent does not know yet, so those of before stay. */
  instances: z.array(ReachableInstance).max(MAX_INSTANCES).nullable(),
  /** Null: this host has no certificate yet. */
  gateway: GatewayIdentity.nullable(),
});
export type AccessList = z.infer<typeof AccessList>;

export const AccessNews = z.object({
  kind: z.literal("held"),
  /** The last list that was looked at. */
  serial: z.int().nonnegative(),
  /** Why that list's leases were not followed; its instances are all the same. */
  refused: z.string().max(500).nullable(),
  leases: z.array(ObservedLease).max(MAX_LEASES_OF_HOST),
  /** Where gateways connect; null while it is not open. */
  gatewayPort: z.int().min(1).max(65_535).nullable(),
});
export type AccessNews = z.infer<typeof AccessNews>;

/** What was said makes no sense; the connection ends after it. */
const AccessRefusal = z.object({ kind: z.literal("refused"), reason: z.string().max(500) });
export const AccessAnswer = z.discriminatedUnion("kind", [AccessNews, AccessRefusal]);
