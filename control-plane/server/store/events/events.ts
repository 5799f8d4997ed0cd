/** What happened to workloads, hosts and accounts, for people to read. Rows outlive what they speak of. */
import { currentTrace } from "@remotegpu/shared/tracing/current-trace";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../database/database.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import type { Reason } from "../../core/reasons/reason.ts";

/** The kind of an event that tells a workload's new status. */
export const STATUS_EVENT = "status";

export interface NewEvent {
  at: Date;
  kind: string;
  workloadKind?: WorkloadKind;
  workloadId?: string;
  instanceId?: string;
  hostId?: string;
  gpuUuid?: string;
  customerId?: number;
  /** Who caused it: "customer 12", "admin 1", "control-plane"; "system" for the move from the old one. */
  actor?: string;
  old?: string | null;
  new?: string | null;
  reason?: Reason | null;
  /** Of the request that caused it, where it is written for several at once; left out: the trace in which it is written. */
  traceId?: string | null;
}

function columnsOf({ reason = null, traceId }: Pick<NewEvent, "reason" | "traceId">) {
  const written = traceId === undefined ? (currentTrace()?.traceId ?? null) : traceId;
  return { ...reasonColumns(reason), trace: written };
}

export async function appendEvent(sql: Connection, event: NewEvent): Promise<void> {
  const { text, code, params, trace } = columnsOf(event);
  await sql.change(
    `INSERT INTO events (at, workload_kind, workload_id, instance_id, host_id, gpu_uuid, customer_id, actor, kind, old, new,
                         reason, reason_code, reason_params, trace_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
    [
      event.at,
      event.workloadKind ?? null,
      event.workloadId ?? null,
      event.instanceId ?? null,
      event.hostId ?? null,
      event.gpuUuid ?? null,
      event.customerId ?? null,
      event.actor ?? null,
      event.kind,
      event.old ?? null,
      event.new ?? null,
      text,
      code,
      params,
      trace,
    ],
  );
}

/** Many at once, in their order, which is that of the ids answered. */
export async function appendEvents(sql: Connection, events: readonly NewEvent[]): Promise<number[]> {
  if (events.length === 0) return [];
  const reasons = events.map(columnsOf);
  const { rows } = await sql.change<{ id: number }>(
    `INSERT INTO events (at, workload_kind, workload_id, instance_id, host_id, gpu_uuid, customer_id, actor, kind, old, new,
                         reason, reason_code, reason_params, trace_id)
     SELECT e.at, e.workload_kind, e.workload_id, e.instance_id, e.host_id, e.gpu_uuid, e.customer_id, e.actor, e.kind,
            e.old, e.new, e.reason, e.code, e.params, e.trace
       FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                   $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[], $15::text[])
         WITH ORDINALITY AS e(at, workload_kind, workload_id, instance_id, host_id, gpu_uuid, customer_id, actor, kind, old,
                new, reason, code, params, trace, nth)
      ORDER BY e.nth RETURNING id`,
    [
      events.map((event) => event.at),
      events.map((event) => event.workloadKind ?? null),
      events.map((event) => event.workloadId ?? null),
      events.map((event) => event.instanceId ?? null),
      events.map((event) => event.hostId ?? null),
      events.map((event) => event.gpuUuid ?? null),
      events.map((event) => event.customerId ?? null),
      events.map((event) => event.actor ?? null),
      events.map((event) => event.kind),
      events.map((event) => event.old ?? null),
      events.map((event) => event.new ?? null),
      reasons.map(({ text }) => text),
      reasons.map(({ code }) => code),
      reasons.map(({ params }) => params),
      reasons.map(({ trace }) => trace),
    ],
  );
  return rows.map(({ id }) => id);
}

/** An event of an instance, shown with its workload's. Answers its id; null where the instance is gone. */
export async function appendInstanceEvent(
  sql: Connection,
  event: Required<
    Pick<NewEvent, "at" | "kind" | "instanceId" | "hostId" | "actor" | "old" | "new" | "reason">
  >,
): Promise<number | null> {
  const { text, code, params, trace } = columnsOf(event);
  const { rows } = await sql.change<{ id: number }>(
    `INSERT INTO events (at, workload_kind, workload_id, instance_id, host_id, actor, kind, old, new, reason, reason_code,
                         reason_params, trace_id)
     SELECT $1, i.workload_kind, i.workload_id, i.id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM instances i WHERE i.id = $2
     RETURNING id`,
    [
      event.at,
      event.instanceId,
      event.hostId,
      event.actor,
      event.kind,
      event.old,
      event.new,
      text,
      code,
      params,
      trace,
    ],
  );
  return rows[0]?.id ?? null;
}

/** The kind of an event that tells an instance's new state. */
export const INSTANCE_EVENT = "instance-state";
/** The kind of an event that tells a card's new status. */
export const GPU_EVENT = "gpu-status";

export interface EventRow {
  id: number;
  at: Date;
  workload_kind: string | null;
  workload_id: string | null;
  instance_id: string | null;
  host_id: string | null;
  gpu_uuid: string | null;
  actor: string | null;
  kind: string;
  old: string | null;
  new: string | null;
  reason: string | null;
  reason_code: string | null;
  reason_params: Record<string, unknown> | null;
  trace_id: string | null;
}

const COLUMNS =
  "id, at, workload_kind, workload_id, instance_id, host_id, gpu_uuid, actor, kind, old, new, reason, reason_code, reason_params, trace_id";

interface EventPageRequest {
  limit: number;
  after: number | null;
}

/** Newest first; fetches one row more than the limit. */
export async function workloadEvents(
  sql: Connection,
  workload: { kind: WorkloadKind; id: string },
  page: EventPageRequest,
): Promise<EventRow[]> {
  const { rows } = await sql.query<EventRow>(
    `SELECT ${COLUMNS} FROM events WHERE workload_kind = $1 AND workload_id = $2 AND ($3::bigint IS NULL OR id < $3)
      ORDER BY id DESC LIMIT $4`,
    [workload.kind, workload.id, page.after, page.limit + 1],
  );
  return rows;
}

/** The same of a host, its cards, and what ran there. */
export async function hostEvents(
  sql: Connection,
  hostId: string,
  page: EventPageRequest,
): Promise<EventRow[]> {
  const { rows } = await sql.query<EventRow>(
    `SELECT ${COLUMNS} FROM events WHERE host_id = $1 AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [hostId, page.after, page.limit + 1],
  );
  return rows;
}

/** The same of an account itself, without its workloads. */
export async function accountEvents(
  sql: Connection,
  customerId: number,
  page: EventPageRequest,
): Promise<EventRow[]> {
  const { rows } = await sql.query<EventRow>(
    `SELECT ${COLUMNS} FROM events
      WHERE customer_id = $1 AND workload_id IS NULL AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
    [customerId, page.after, page.limit + 1],
  );
  return rows;
}
