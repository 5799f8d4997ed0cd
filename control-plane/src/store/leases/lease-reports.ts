/**
 * Takes what a host reports of its leases into the database: which are bound, to which numbers, which are over. What
 * cannot be true changes nothing and is shown to the operators; a lease that the report lacks stays as it was.
 */
import type { LeaseService, ObservedLease } from "@remotegpu/shared/lease";
import { doubledLeases, leaseDisbelief, leaseEvents, type LeaseState } from "../../core/lease-report.ts";
import { type AlarmKind, clearAlarm, raiseAlarmOnce } from "../alarms.ts";
import type { Connection } from "../database.ts";
import { idOnHosts } from "../environments/id-on-hosts.ts";
import { appendEvent } from "../events.ts";
import { mirrorPorts, ownerOfPort, putMapping, releaseMapping } from "./port-mappings.ts";

/** An alarm names so many and counts the rest. */
const MAX_NAMED = 5;

interface LiveOrder {
  id: string;
  env_id: string;
  customer_id: number;
  service_type: LeaseService;
  internal_port: number;
  auto_release_hours: number;
  want: "held" | "released";
  generation: number;
  state: LeaseState;
  external_port: number | null;
  detail: string;
  last_accessed_at: Date | null;
  release_due_at: Date | null;
  released_by: string | null;
  release_reason: string | null;
}

export interface LeaseMerge {
  host: { id: string; name: string };
  leases: readonly ObservedLease[];
  now: Date;
}

/** True when a lease is over, which takes it out of the host's desired set. The host's row is locked by the caller. */
export async function mergeLeases(sql: Connection, merge: LeaseMerge): Promise<boolean> {
  const { host, leases } = merge;
  const orders = new Map((await liveOrders(sql, host.id)).map((order) => [order.id, order]));
  const doubled = doubledLeases(leases);
  const disbelieved = [...doubled].map((id) => `lease ${id} is told twice, or with the number of another`);
  let isOneOver = false;
  for (const { order, seen } of inMergeOrder(orders, leases)) {
    if (doubled.has(order.id)) continue;
    const why = leaseDisbelief(idOnHosts(order.env_id), seen) ?? (await takenNumber(sql, merge, order, seen));
    if (why !== null) disbelieved.push(why);
    else isOneOver = (await mergeLease(sql, merge, order, seen)) || isOneOver;
  }
  const unexplained = leases.filter(({ leaseId, state }) => !orders.has(leaseId) && state !== "released");
  await tellOperators(sql, merge, "lease-disbelieved", disbelieved);
  await tellOperators(
    sql,
    merge,
    "unknown-lease",
    unexplained.map(({ leaseId, state }) => `lease ${leaseId} is ${state}, and nobody wants it there`),
  );
  return isOneOver;
}

/** What gives a number up comes before what may have taken it over. */
function inMergeOrder(
  orders: ReadonlyMap<string, LiveOrder>,
  leases: readonly ObservedLease[],
): { order: LiveOrder; seen: ObservedLease }[] {
  const known = leases.flatMap((seen) => {
    const order = orders.get(seen.leaseId);
    return order === undefined ? [] : [{ order, seen }];
  });
  const takesNew = ({ order, seen }: (typeof known)[number]) =>
    seen.state === "held" && order.external_port === null;
  return [...known.filter((one) => !takesNew(one)), ...known.filter(takesNew)];
}

async function liveOrders(sql: Connection, hostId: string): Promise<LiveOrder[]> {
  const { rows } = await sql.query<LiveOrder>(
    `SELECT o.id, o.env_id, e.customer_id, o.service_type, o.internal_port, o.auto_release_hours, o.want, o.generation,
            o.state, o.external_port, o.detail, o.last_accessed_at, o.release_due_at, o.released_by, o.release_reason
       FROM lease_orders o JOIN environments e ON e.id = o.env_id
      WHERE o.host_id = $1 AND o.ended_at IS NULL ORDER BY o.ordered_at, o.id FOR NO KEY UPDATE OF o`,
    [hostId],
  );
  return rows;
}

async function takenNumber(
  sql: Connection,
  { host }: LeaseMerge,
  order: LiveOrder,
  seen: ObservedLease,
): Promise<string | null> {
  if (seen.state !== "held" || seen.externalPort === null || seen.externalPort === order.external_port)
    return null;
  const { externalPort } = seen;
  const owner = await ownerOfPort(sql, { hostId: host.id, externalPort, leaseId: order.id });
  if (owner === null) return null;
  return `lease ${order.id} is told with port ${externalPort}, which is held by ${owner.env_id}`;
}

async function mergeLease(
  sql: Connection,
  { host, now }: LeaseMerge,
  order: LiveOrder,
  seen: ObservedLease,
): Promise<boolean> {
  const lastAccessedAt = moment(seen.lastAccessedAt) ?? order.last_accessed_at;
  const releaseDueAt = seen.state === "released" ? null : moment(seen.releaseDueAt);
  if (!isNews(order, seen, { lastAccessedAt, releaseDueAt })) return false;
  const isOver = seen.state === "released";
  await sql.query(
    `UPDATE lease_orders SET state = $2::text, external_port = $3, detail = $4, last_accessed_at = $5,
            release_due_at = $6, ended_at = CASE WHEN $7 THEN $8::timestamptz END,
            release_reason = coalesce(release_reason, $9),
            state_changed_at = CASE WHEN state = $2::text THEN state_changed_at ELSE $8::timestamptz END
      WHERE id = $1`,
    [
      order.id,
      seen.state,
      seen.externalPort ?? order.external_port,
      seen.detail,
      lastAccessedAt,
      releaseDueAt,
      isOver,
      now,
      isOver ? endOf(order, seen, host) : null,
    ],
  );
  await mapPort(sql, { order, seen, lastAccessedAt, hostId: host.id, now });
  await tellPeople(sql, { order, seen, host, now, releaseDueAt });
  return isOver;
}

function isNews(
  order: LiveOrder,
  seen: ObservedLease,
  { lastAccessedAt, releaseDueAt }: { lastAccessedAt: Date | null; releaseDueAt: Date | null },
): boolean {
  return (
    seen.state !== order.state ||
    (seen.externalPort !== null && seen.externalPort !== order.external_port) ||
    seen.detail !== order.detail ||
    lastAccessedAt?.getTime() !== order.last_accessed_at?.getTime() ||
    releaseDueAt?.getTime() !== order.release_due_at?.getTime()
  );
}

/** A number is public only of a lease that is wanted; one that was withdrawn before its host heard so gets no row. */
async function mapPort(
  sql: Connection,
  {
    order,
    seen,
    lastAccessedAt,
    hostId,
    now,
  }: { order: LiveOrder; seen: ObservedLease; lastAccessedAt: Date | null; hostId: string; now: Date },
): Promise<void> {
  if (seen.state === "released")
    await releaseMapping(sql, { environmentId: order.env_id, leaseId: order.id }, now);
  else if (seen.state === "held" && seen.externalPort !== null && order.want === "held")
    await putMapping(
      sql,
      {
        leaseId: order.id,
        environmentId: order.env_id,
        hostId,
        service: order.service_type,
        internalPort: order.internal_port,
        externalPort: seen.externalPort,
        autoReleaseHours: order.auto_release_hours,
        generation: order.generation,
        lastAccessedAt,
      },
      now,
    );
  else return;
  await mirrorPorts(sql, order.env_id);
}

async function tellPeople(
  sql: Connection,
  {
    order,
    seen,
    host,
    now,
    releaseDueAt,
  }: {
    order: LiveOrder;
    seen: ObservedLease;
    host: LeaseMerge["host"];
    now: Date;
    releaseDueAt: Date | null;
  },
): Promise<void> {
  const readable = { ...seen, releaseDueAt: releaseDueAt?.toISOString() ?? null };
  for (const event of leaseEvents(knownLease(order), readable, host))
    await appendEvent(sql, {
      ...event,
      at: now,
      workloadKind: "environment",
      workloadId: order.env_id,
      customerId: order.customer_id,
      hostId: host.id,
    });
}

function knownLease(order: LiveOrder) {
  return {
    service: order.service_type,
    internalPort: order.internal_port,
    autoReleaseHours: order.auto_release_hours,
    want: order.want,
    state: order.state,
    externalPort: order.external_port,
    isReleaseDue: order.release_due_at !== null,
    releasedBy: order.released_by,
    releaseReason: order.release_reason,
  };
}

function endOf(order: LiveOrder, seen: ObservedLease, host: LeaseMerge["host"]): string | null {
  return leaseEvents(knownLease(order), seen, host)[0]?.reason ?? null;
}

/** A label of the host's wall clock; one that is no time is none. */
function moment(label: string | null): Date | null {
  if (label === null) return null;
  const at = new Date(label);
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1 || at.getUTCFullYear() > 9999 ? null : at;
}

/** One alarm of a kind for a host, however much it claims; cleared when a whole report is sound again. */
async function tellOperators(
  sql: Connection,
  { host, now }: LeaseMerge,
  kind: AlarmKind,
  claims: readonly string[],
): Promise<void> {
  if (claims.length === 0) return await clearAlarm(sql, { kind, subject: host.id, now });
  const more = claims.length > MAX_NAMED ? ` and ${claims.length - MAX_NAMED} more` : "";
  const detail = `Host ${host.id} reports: ${claims.slice(0, MAX_NAMED).join("; ")}${more}.`;
  await raiseAlarmOnce(sql, { kind, subject: host.id, detail, now });
}
