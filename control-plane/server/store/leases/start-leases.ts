/**
 * The leases that starts take: what a start changes is planned under the lock of its environment, before the hosts
 * that it concerns are locked, and ordered once their generations are raised. One start or many, the queries are as few.
 */
import { MAX_LEASES_OF_HOST } from "@remotegpu/shared/instance/lease";
import {
  leasedServices,
  type LeasePlan,
  planLeases,
  type LeasingEnvironment,
} from "../../core/leases/lease-plan.ts";
import { sshPort } from "../../core/leases/ssh-server.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvents, type NewEvent } from "../events/events.ts";
import { raiseGeneration, raiseGenerations } from "../hosts/hosts.ts";
import { servingSsh } from "../hosts/host-features.ts";
import { allowsPlainHttp, type Leasing, switchesOf } from "./environment-leases.ts";
import {
  insertLeaseOrders,
  type NewLease,
  orderReleases,
  roomForLeases,
  wantedLeasesOf,
} from "./lease-orders.ts";

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
  sql: Transaction,
  leasing: Leasing & { generation: number | null; newId: NewLeaseId },
): Promise<LeaseChange> {
  const { environment, hostId } = leasing;
  const [planned] = await planStarts(sql, [leasing], allowsPlainHttp(sql));
  if (planned === undefined || planned.plan.release.length + planned.plan.take.length === 0)
    return { hostIds: [], taken: [], refused: 0 };
  const generation = leasing.generation ?? (await raiseGeneration(sql, hostId));
  const elsewhere = planned.plan.release.map((lease) => lease.hostId).filter((id) => id !== hostId);
  const generations = (await raiseGenerations(sql, elsewhere)).set(hostId, generation);
  const taken = (await leaseForStarts(sql, [planned], { ...leasing, generations })).get(environment.id) ?? [];
  return { hostIds: [...generations.keys()], taken, refused: planned.plan.take.length - taken.length };
}

/** A start with what it changes of the environment's leases. */
export interface PlannedStart {
  environment: LeasingEnvironment;
  hostId: string;
  plan: LeasePlan;
}

/** What starts on these hosts will change; their environments are locked by the caller. */
export async function planStarts<Start extends { environment: LeasingEnvironment; hostId: string }>(
  sql: Connection,
  starts: readonly Start[],
  allowsPlainHttp: Promise<boolean>,
): Promise<(Start & PlannedStart)[]> {
  const [wanted, serving, allowsPlain] = await Promise.all([
    wantedLeasesOf(
      sql,
      starts.map(({ environment }) => environment.id),
    ),
    servingSsh(
      sql,
      starts.map(({ hostId }) => hostId),
    ),
    allowsPlainHttp,
  ]);
  return starts.map((start) => ({
    ...start,
    plan: planLeases({
      hostId: start.hostId,
      sshPort: sshPort(start.environment, { servesSsh: serving.has(start.hostId) }),
      services: leasedServices(switchesOf(start.environment), allowsPlain),
      wanted: wanted.get(start.environment.id) ?? [],
      autoReleaseHours: start.environment.auto_release_hours,
    }),
  }));
}

type NewLeaseId = (kind: "lease") => string;

/**
 * Orders what the plans say, and answers the new leases of each environment. An environment starts all the same where
 * its host can hold no more ports.
 */
export async function leaseForStarts(
  sql: Connection,
  starts: readonly PlannedStart[],
  {
    generations,
    newId,
    actor,
    now,
  }: { generations: ReadonlyMap<string, number>; newId: NewLeaseId; actor: string; now: Date },
): Promise<Map<string, string[]>> {
  const released = starts.flatMap(({ environment, plan }) =>
    plan.release.map((lease) => ({ ...lease, environmentId: environment.id })),
  );
  await orderReleases(sql, { leases: released, generations, actor });
  const taking = starts.filter(({ plan }) => plan.take.length > 0);
  const room = await roomForLeases(
    sql,
    taking.map(({ hostId }) => hostId),
  );
  const orders: NewLease[] = [];
  const refusals: NewEvent[] = [];
  for (const { environment, hostId, plan } of taking)
    for (const request of plan.take) {
      const left = room.get(hostId) ?? 0;
      room.set(hostId, left - 1);
      const generation = generations.get(hostId) ?? 0;
      if (left > 0)
        orders.push({
          ...request,
          id: newId("lease"),
          environmentId: environment.id,
          hostId,
          generation,
          actor,
          now,
        });
      else refusals.push(noPort(environment, { service: request.service, hostId, actor, now }));
    }
  await insertLeaseOrders(sql, orders);
  await appendEvents(sql, refusals);
  const taken = Map.groupBy(orders, ({ environmentId }) => environmentId);
  return new Map([...taken].map(([environmentId, leases]) => [environmentId, leases.map(({ id }) => id)]));
}

function noPort(
  environment: LeasingEnvironment,
  { service, hostId, actor, now }: { service: string; hostId: string; actor: string; now: Date },
): NewEvent {
  return {
    at: now,
    kind: "lease",
    workloadKind: "environment",
    workloadId: environment.id,
    customerId: environment.customer_id,
    hostId,
    actor,
    new: "refused",
    reason: { code: "port-refused", params: { service, max_leases: MAX_LEASES_OF_HOST } },
  };
}
