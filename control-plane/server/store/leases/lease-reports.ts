/**
 * Takes what a host reports of its leases into the database: which are bound, to which numbers, which are over. What
 * cannot be true changes nothing and is shown to the operators; a lease that the report lacks stays as it was.
 */
import type { LeaseService, ObservedLease } from "@remotegpu/shared/instance/lease";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { type BelievedLease, believeLeases } from "../../core/leases/lease-belief.ts";
import { possibleBytes, possibleTime } from "../../core/environments/access/possible.ts";
import {
  type LeaseEvent,
  leaseEvents,
  type LeaseState,
  type ReleaseWarning,
  warningOf,
} from "../../core/leases/lease-report.ts";
import { leaseMessage } from "../../core/alerts/work-messages.ts";
import { type AlarmKind, clearAlarm, raiseAlarmOnce } from "../events/alarms.ts";
import type { Connection, Transaction } from "../database/database.ts";
import {
  reasonColumns,
  reasonData,
  storedReason,
  storedReasonColumn,
  type StoredReason,
} from "../database/values/reason-columns.ts";
import { idOnHosts } from "../database/values/id-on-hosts.ts";
import { queueWorkMessages } from "../events/message-outbox.ts";
import { appendEvents, type NewEvent } from "../events/events.ts";
import {
  type BoundPort,
  mirrorPorts,
  moveMapping,
  portNumbers,
  putMappings,
  releaseMappings,
} from "./port-mappings.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { reportedReason } from "../../core/reasons/host-report.ts";
import type { Reason } from "../../core/reasons/reason.ts";

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
  detail: StoredReason;
  last_accessed_at: Date | null;
  release_due_at: Date | null;
  ordered_at: Date;
  bytes_in: number | null;
  bytes_out: number | null;
  release_warning: ReleaseWarning | null;
  answers_seen: boolean | null;
  answers_detail: StoredReason;
  released_by: string | null;
  release_reason: StoredReason;
}

export interface LeaseMerge {
  host: { id: string; name: string };
  leases: readonly ObservedLease[];
  now: Date;
}

/** A believed report on a lease that says something new. */
interface LeaseMessage extends BelievedLease {
  order: LiveOrder;
  lastAccessedAt: Date | null;
  releaseDueAt: Date | null;
  bytesIn: number | null;
  bytesOut: number | null;
  warning: ReleaseWarning | null;
  detail: Reason;
  answers: { seen: boolean | null; detail: Reason };
}

/** True when a lease is over, which takes it out of the host's desired set. The host's row is locked by the caller. */
export async function mergeLeases(sql: Transaction, merge: LeaseMerge): Promise<boolean> {
  const { host, leases } = merge;
  const [live, numbers] = await Promise.all([liveOrders(sql, host.id), portNumbers(sql, host.id)]);
  const orders = new Map(live.map((order) => [order.id, order]));
  const open = new Map(
    [...orders.values()].map(({ id, env_id: environmentId }) => [
      id,
      { environmentId, workloadId: idOnHosts(environmentId) },
    ]),
  );
  const { believed, disbelieved } = believeLeases(open, leases, numbers);
  const unexplained = leases
    .filter(({ leaseId, state }) => !orders.has(leaseId) && state !== "released")
    .map(({ leaseId, state }) => `lease ${leaseId} is ${state}, and nobody wants it there`);

  const messages = believed.flatMap((one) => messageOf(orders.get(one.seen.leaseId), one, merge.now));
  await noteOrders(sql, merge, messages);
  await mapPorts(sql, merge, messages);
  const events = messages.flatMap((one) => eventsOf(one, merge).map((event) => ({ ...one, event })));
  const eventIds = await appendEvents(
    sql,
    events.map(({ event }) => event),
  );
  await queueWorkMessages(
    sql,
    events.flatMap(({ event, order, seen, releaseDueAt }, nth) => {
      if (event.kind !== "lease-release-due" || releaseDueAt === null) return [];
      const due = leaseMessage({
        service: order.service_type,
        internalPort: order.internal_port,
        externalPort: seen.externalPort,
        releaseAt: releaseDueAt.toISOString(),
      });
      const workload = { kind: "environment", id: order.env_id } as const;
      return [{ workload, eventId: eventIds[nth] ?? 0, at: merge.now, message: due }];
    }),
  );
  await Promise.all([
    notifyOperators(sql, merge, "lease-disbelieved", disbelieved),
    notifyOperators(sql, merge, "unknown-lease", unexplained),
  ]);
  return messages.some(({ seen }) => seen.state === "released");
}

async function liveOrders(sql: Transaction, hostId: string): Promise<LiveOrder[]> {
  const { rows } = await sql.query<LiveOrder>(
    `SELECT o.id, o.env_id, e.customer_id, o.service_type, o.internal_port, o.auto_release_hours, o.want, o.generation,
            o.state, o.external_port, ${storedReasonColumn("o", "detail")} AS detail, o.last_accessed_at, o.release_due_at, o.ordered_at,
            o.bytes_in, o.bytes_out, o.release_warning, o.answers_seen, ${storedReasonColumn("o", "answers_detail")} AS answers_detail, o.released_by,
            ${storedReasonColumn("o", "release_reason")} AS release_reason
       FROM lease_orders o JOIN environments e ON e.id = o.env_id
      WHERE o.host_id = $1 AND o.ended_at IS NULL ORDER BY o.ordered_at, o.id FOR NO KEY UPDATE OF o`,
    [hostId],
  );
  return rows;
}

function messageOf(order: LiveOrder | undefined, believed: BelievedLease, now: Date): LeaseMessage[] {
  if (order === undefined) return [];
  const { seen } = believed;
  // A label that is no time is none, and warns of nothing.
  const releaseDueAt = seen.state === "released" ? null : dueOf(order, seen, now);
  const messages: LeaseMessage = {
    ...believed,
    order,
    lastAccessedAt: accessOf(order, seen, now),
    bytesIn: passed(seen.bytesIn, { known: order.bytes_in, since: order.ordered_at, now }),
    bytesOut: passed(seen.bytesOut, { known: order.bytes_out, since: order.ordered_at, now }),
    releaseDueAt,
    warning: releaseDueAt === null ? null : warningOf(seen),
    detail: reportedReason(seen.detail, seen.reason),
    answers: {
      seen: seen.answers?.isSeen ?? null,
      detail: reportedReason(seen.answers?.detail ?? "", seen.answers?.reason),
    },
  };
  return isChange(messages) ? [messages] : [];
}

/** The host's clock is a label: nobody was there before the port was ordered, nor later than now. */
function accessOf(
  { ordered_at: from, last_accessed_at: known }: LiveOrder,
  seen: ObservedLease,
  now: Date,
): Date | null {
  const reported = moment(seen.lastAccessedAt);
  return reported === null ? known : possibleTime(reported.toISOString(), { from, to: now });
}

/** Nor is it released later than its hours from now, however far the host's clock is off. */
function dueOf(
  { ordered_at: from, auto_release_hours: hours }: LiveOrder,
  seen: ObservedLease,
  now: Date,
): Date | null {
  const reported = moment(seen.releaseDueAt);
  const to = new Date(now.getTime() + hours * MS_PER_HOUR);
  return reported === null ? null : possibleTime(reported.toISOString(), { from, to });
}

/** It only grows, and by no more than can be. */
function passed(
  reported: number | undefined,
  { known, since, now }: { known: number | null; since: Date; now: Date },
): number | null {
  return reported === undefined
    ? known
    : Math.max(known ?? 0, possibleBytes(reported, { from: since, to: now }));
}

function isChange({
  order,
  seen,
  hasMoved,
  lastAccessedAt,
  releaseDueAt,
  bytesIn,
  bytesOut,
  ...messages
}: LeaseMessage): boolean {
  return (
    hasMoved ||
    seen.state !== order.state ||
    (seen.externalPort !== null && seen.externalPort !== order.external_port) ||
    isOther(messages.detail, order.detail) ||
    lastAccessedAt?.getTime() !== order.last_accessed_at?.getTime() ||
    releaseDueAt?.getTime() !== order.release_due_at?.getTime() ||
    bytesIn !== order.bytes_in ||
    bytesOut !== order.bytes_out ||
    messages.warning !== order.release_warning ||
    messages.answers.seen !== order.answers_seen ||
    isOther(messages.answers.detail, order.answers_detail)
  );
}

/** An agent that sends codes since its upgrade reports another reason by the same text. */
function isOther(reported: Reason, stored: StoredReason): boolean {
  const { text, code } = reasonColumns(reported);
  return text !== stored.text || code !== stored.code;
}

async function noteOrders(
  sql: Connection,
  merge: LeaseMerge,
  messages: readonly LeaseMessage[],
): Promise<void> {
  if (messages.length === 0) return;
  const changes = messages.map((one) => ({
    id: one.order.id,
    state: one.seen.state,
    port: one.seen.externalPort,
    detail: detailColumns(one.detail),
    accessed: one.lastAccessedAt,
    due: one.releaseDueAt,
    bytesIn: one.bytesIn,
    bytesOut: one.bytesOut,
    warning: one.warning,
    answers: one.answers.seen,
    answer: detailColumns(one.answers.detail),
    ...releaseColumns(one, merge),
  }));
  await sql.change(
    `UPDATE lease_orders o SET state = n.state, external_port = coalesce(n.port, o.external_port),
            detail = n.detail->>'text', detail_code = n.detail->>'code', detail_params = nullif(n.detail->'params', 'null'),
            last_accessed_at = n.accessed, release_due_at = n.due, bytes_in = n."bytesIn", bytes_out = n."bytesOut",
            release_warning = n.warning, answers_seen = n.answers,
            answers_detail = n.answer->>'text', answers_detail_code = n.answer->>'code',
            answers_detail_params = nullif(n.answer->'params', 'null'),
            ended_at = CASE n.state WHEN 'released' THEN $2::timestamptz END,
            release_reason = coalesce(o.release_reason, n.reason),
            release_reason_code = CASE WHEN o.release_reason IS NULL THEN n.code ELSE o.release_reason_code END,
            release_reason_params = CASE WHEN o.release_reason IS NULL THEN n.params ELSE o.release_reason_params END,
            state_changed_at = CASE WHEN o.state = n.state THEN o.state_changed_at ELSE $2::timestamptz END
       FROM jsonb_to_recordset($1::jsonb) AS n(id text, state text, port int, detail jsonb, accessed timestamptz,
              due timestamptz, "bytesIn" bigint, "bytesOut" bigint, warning text, answers boolean, answer jsonb, reason text,
              code text, params jsonb)
      WHERE o.id = n.id`,
    [JSON.stringify(changes), merge.now],
  );
}

function detailColumns(detail: Reason) {
  return { text: inEnglish(detail), ...reasonData(detail) };
}

function releaseColumns(message: LeaseMessage, merge: LeaseMerge) {
  const reason = message.seen.state === "released" ? (changesOf(message, merge)[0]?.reason ?? null) : null;
  const { text, code } = reasonColumns(reason);
  return { reason: text, code, params: code === null ? null : reason?.params };
}

/** A number is public only of a lease that is wanted; one that was withdrawn before its host heard so gets no row. */
async function mapPorts(
  sql: Connection,
  { host, now }: LeaseMerge,
  messages: readonly LeaseMessage[],
): Promise<void> {
  const over = messages.filter(({ seen }) => seen.state === "released");
  const bound = messages.flatMap(boundPort);
  await releaseMappings(sql, { hostId: host.id, leaseIds: over.map(({ order }) => order.id), now });
  for (const { order, seen, hasMoved } of messages)
    if (hasMoved && seen.externalPort !== null)
      await moveMapping(sql, {
        environmentId: order.env_id,
        leaseId: order.id,
        externalPort: seen.externalPort,
      });
  await putMappings(sql, host.id, bound, now);
  await mirrorPorts(sql, [
    ...over.map(({ order }) => order.env_id),
    ...bound.map(({ environmentId }) => environmentId),
  ]);
}

function boundPort({ order, seen, lastAccessedAt }: LeaseMessage): BoundPort[] {
  if (seen.state !== "held" || seen.externalPort === null || order.want !== "held") return [];
  return [
    {
      leaseId: order.id,
      environmentId: order.env_id,
      service: order.service_type,
      internalPort: order.internal_port,
      externalPort: seen.externalPort,
      autoReleaseHours: order.auto_release_hours,
      generation: order.generation,
      lastAccessedAt,
    },
  ];
}

function changesOf({ order, seen, releaseDueAt }: LeaseMessage, { host }: LeaseMerge): LeaseEvent[] {
  const known = {
    service: order.service_type,
    internalPort: order.internal_port,
    autoReleaseHours: order.auto_release_hours,
    want: order.want,
    state: order.state,
    externalPort: order.external_port,
    warning: order.release_warning,
    releasedBy: order.released_by,
    releaseReason: storedReason(order.release_reason),
  };
  // A label that is no time is not repeated to anybody.
  const readable = { ...seen, releaseDueAt: releaseDueAt?.toISOString() ?? null };
  return leaseEvents(known, readable, host);
}

function eventsOf(message: LeaseMessage, merge: LeaseMerge): NewEvent[] {
  const { order } = message;
  const { host, now } = merge;
  return changesOf(message, merge).map((event) => ({
    ...event,
    at: now,
    workloadKind: "environment",
    workloadId: order.env_id,
    customerId: order.customer_id,
    hostId: host.id,
  }));
}

/** A label of the host's wall clock; one that is no time is none. */
function moment(label: string | null): Date | null {
  if (label === null) return null;
  const at = new Date(label);
  return Number.isNaN(at.getTime()) || at.getUTCFullYear() < 1 || at.getUTCFullYear() > 9999 ? null : at;
}

/** One alarm of a kind for a host, however much it claims; cleared when a whole report is sound again. */
async function notifyOperators(
  sql: Transaction,
  { host, now }: LeaseMerge,
  kind: AlarmKind,
  claims: readonly string[],
): Promise<void> {
  if (claims.length === 0) return await clearAlarm(sql, { kind, subject: host.id, now });
  const more = claims.length > MAX_NAMED ? ` and ${claims.length - MAX_NAMED} more` : "";
  const params = { host_id: host.id, claims: `${claims.slice(0, MAX_NAMED).join("; ")}${more}` };
  const reason: Reason = { code: "host-claims-disbelieved", params };
  await raiseAlarmOnce(sql, { kind, subject: host.id, reason, now });
}
