/**
 * The leases of one environment: taken with each start, opened and closed by its people, released with it. Each is a
 * step of a transaction that holds the environment's row; the answers say which hosts have to be told.
 */
import { DEFAULT_AUTO_RELEASE_HOURS, MAX_LEASES_OF_HOST } from "@remotegpu/shared/lease";
import { leasedServices, planLeases, type PortWish, type ServiceSwitches } from "../../core/lease-plan.ts";
import type { Connection } from "../database.ts";
import { appendEvent } from "../events.ts";
import { raiseGeneration, raiseGenerations } from "../hosts/hosts.ts";
import { setting } from "../settings.ts";
import { insertLeaseOrder, orderRelease, roomForLeases, wantedLeases } from "./lease-orders.ts";

/** What of an environment its leases depend on. */
export interface LeasingEnvironment {
  id: string;
  customer_id: number;
  ssh_enabled: boolean;
  rdp_enabled: boolean;
  jupyter_enabled: boolean;
  tensorboard_enabled: boolean;
}

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

export interface LeaseChange {
  /** Whose desired sets changed. */
  hostIds: string[];
  /** The leases that are new. */
  taken: string[];
  /** How many its host has no room for. */
  refused: number;
}

/**
 * What the environment's services are to have on its host, from this start on.
 * @param leasing.generation of the host, where the order that this belongs to has raised it; null: it is raised here,
 *   if anything changes
 */
export async function leaseForStart(
  sql: Connection,
  leasing: Leasing & { generation: number | null; newId: (kind: "lease") => string },
): Promise<LeaseChange> {
  const { environment, hostId, actor } = leasing;
  const plan = planLeases({
    hostId,
    services: leasedServices(switchesOf(environment), await allowsPlainHttp(sql)),
    wanted: await wantedLeases(sql, environment.id),
    autoReleaseHours: DEFAULT_AUTO_RELEASE_HOURS,
  });
  if (plan.release.length + plan.take.length === 0) return { hostIds: [], taken: [], refused: 0 };
  const generation = leasing.generation ?? (await raiseGeneration(sql, hostId));
  const elsewhere = plan.release.map((lease) => lease.hostId).filter((id) => id !== hostId);
  const generations = (await raiseGenerations(sql, elsewhere)).set(hostId, generation);
  await orderRelease(sql, { environmentId: environment.id, leases: plan.release, generations, actor });
  const taken = await takePorts(sql, { ...leasing, generation }, plan.take);
  return { hostIds: [...generations.keys()], taken, refused: plan.take.length - taken.length };
}

/** An environment starts all the same where its host can hold no more ports. */
async function takePorts(
  sql: Connection,
  leasing: Leasing & { generation: number; newId: (kind: "lease") => string },
  wishes: readonly PortWish[],
): Promise<string[]> {
  const { environment, hostId, newId, actor, now } = leasing;
  const room = await roomForLeases(sql, hostId);
  const taken: string[] = [];
  for (const wish of wishes.slice(0, room)) {
    const id = newId("lease");
    await insertLeaseOrder(sql, { ...leasing, ...wish, id, environmentId: environment.id });
    taken.push(id);
  }
  for (const { service } of wishes.slice(room))
    await appendEvent(sql, {
      at: now,
      kind: "lease",
      workloadKind: "environment",
      workloadId: environment.id,
      customerId: environment.customer_id,
      hostId,
      actor,
      new: "refused",
      reason: `No port for ${service}: its host holds ${MAX_LEASES_OF_HOST} already.`,
    });
  return taken;
}

/** False where the host can hold no more. Its row is locked by the caller. */
export async function openPort(
  sql: Connection,
  leasing: Leasing & { generation: number; id: string },
  internalPort: number,
): Promise<boolean> {
  if ((await roomForLeases(sql, leasing.hostId)) === 0) return false;
  await insertLeaseOrder(sql, {
    ...leasing,
    environmentId: leasing.environment.id,
    service: "custom",
    internalPort,
    autoReleaseHours: DEFAULT_AUTO_RELEASE_HOURS,
  });
  return true;
}

/** Answers the host to tell; null where the lease is over, or was ordered released before. */
export async function closePort(
  sql: Connection,
  {
    environmentId,
    leaseId,
    actor,
    reason,
  }: { environmentId: string; leaseId: string; actor: string; reason: string },
): Promise<string | null> {
  const lease = (await wantedLeases(sql, environmentId)).find(({ id }) => id === leaseId);
  if (lease === undefined) return null;
  const generations = await raiseGenerations(sql, [lease.hostId]);
  await orderRelease(sql, { environmentId, leases: [{ ...lease, reason }], generations, actor });
  return lease.hostId;
}
