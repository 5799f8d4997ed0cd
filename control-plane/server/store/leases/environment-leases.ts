/**
 * The ports of one environment that its people open and close by hand, and which of its services are to have one. Each
 * is a step of a transaction that holds the environment's row. What a start takes is in start-leases.ts.
 */
import type { LeasingEnvironment, ServiceSwitches } from "../../core/leases/lease-plan.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { setting } from "../accounts/settings.ts";
import { insertLeaseOrders, orderRelease, roomForLeases, wantedLeases } from "./lease-orders.ts";

export interface Leasing {
  environment: LeasingEnvironment;
  hostId: string;
  actor: string;
  now: Date;
}

export function switchesOf(environment: LeasingEnvironment): ServiceSwitches {
  return {
    ssh: environment.ssh_enabled,
    rdp: environment.rdp_enabled,
    jupyter: environment.jupyter_enabled,
    tensorboard: environment.tensorboard_enabled,
  };
}

export async function allowsPlainHttp(sql: Connection): Promise<boolean> {
  return (await setting(sql, "ALLOW_PLAIN_HTTP_PORTS")) === "on";
}

/** False where the host can hold no more. Its row is locked by the caller. */
export async function openPort(
  sql: Connection,
  leasing: Leasing & { generation: number; id: string },
  internalPort: number,
): Promise<boolean> {
  if ((await roomForLeases(sql, [leasing.hostId])).get(leasing.hostId) === 0) return false;
  await insertLeaseOrders(sql, [
    {
      ...leasing,
      environmentId: leasing.environment.id,
      service: "custom",
      internalPort,
      autoReleaseHours: leasing.environment.auto_release_hours,
    },
  ]);
  return true;
}

/** Answers the host to tell; null where the lease is over, or was ordered released before. */
export async function closePort(
  sql: Transaction,
  {
    environmentId,
    leaseId,
    actor,
    reason,
  }: { environmentId: string; leaseId: string; actor: string; reason: Reason },
): Promise<string | null> {
  const lease = (await wantedLeases(sql, environmentId)).find(({ id }) => id === leaseId);
  if (lease === undefined) return null;
  const generations = await raiseGenerations(sql, [lease.hostId]);
  await orderRelease(sql, { environmentId, leases: [{ ...lease, reason }], generations, actor });
  return lease.hostId;
}
