/**
 * Emptying a host: nothing new is placed there, and what runs is stopped, at once or at a deadline until which its people
 * know. Environments are never re-placed.
 */
import { type Drain, drainOrder, drainReason, drainWarning } from "../../core/hosts/drain.ts";
import { drainMessage, drainCancelledMessage } from "../../core/alerts/work-messages.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { stopInstances, stopInstancesOn } from "../orders/workload-stops.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../workloads/kinds.ts";
import { rulesOf } from "../../core/workloads/kinds.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { appendEvent, appendEvents } from "../events/events.ts";
import { queueWorkMessages } from "../events/message-outbox.ts";
import type { Deed } from "./host-removal.ts";
import { cordonHost, statusOf } from "../hosts/hosts.ts";
import { reasonOf } from "../../core/reasons/plain-reason.ts";

interface DrainedHost {
  id: string;
  name: string;
}

/** Its people are told; with a deadline what runs there goes on until then. */
export async function drainHost(
  sql: Transaction,
  host: DrainedHost,
  { reason, deadline, actor, now }: Deed & Drain,
): Promise<void> {
  const old = await statusOf(sql, host.id);
  await cordonHost(sql, { hostId: host.id, reason: reason ?? "drained" });
  await appendEvent(sql, {
    at: now,
    kind: "host-drained",
    hostId: host.id,
    actor,
    old,
    new: "maintenance",
    reason: drainOrder({ reason, deadline }),
  });
  await notifyPeople(sql, host, { drain: { reason, deadline }, isTakenBack: false, actor, now });
  if (deadline === null) {
    await sql.change("DELETE FROM host_drains WHERE host_id = $1", [host.id]);
    return await stopWhatIsLeft(sql, host, { reason, actor, now });
  }
  await sql.change(
    `INSERT INTO host_drains (host_id, reason, deadline_at, ordered_by, ordered_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (host_id) DO UPDATE SET reason = excluded.reason, deadline_at = excluded.deadline_at,
            ordered_by = excluded.ordered_by, ordered_at = excluded.ordered_at`,
    [host.id, reason, deadline, actor, now],
  );
}

/** What was to be stopped at the deadline runs on; its people are told. Nothing where no deadline lies ahead. */
export async function takeBackDrain(
  sql: Transaction,
  host: DrainedHost,
  { actor, now }: Deed,
): Promise<void> {
  const { rows } = await sql.change<{ reason: string | null; deadline: Date }>(
    "DELETE FROM host_drains WHERE host_id = $1 RETURNING reason, deadline_at AS deadline",
    [host.id],
  );
  for (const drain of rows) await notifyPeople(sql, host, { drain, isTakenBack: true, actor, now });
}

/** Hosts whose deadline has passed. */
export async function dueDrains(
  sql: Connection,
  { now, limit }: { now: Date; limit: number },
): Promise<string[]> {
  const { rows } = await sql.query<{ host_id: string }>(
    "SELECT host_id FROM host_drains WHERE deadline_at <= $1 ORDER BY deadline_at, host_id LIMIT $2",
    [now, limit],
  );
  return rows.map(({ host_id }) => host_id);
}

/** False where it was taken back or put off meanwhile. */
export async function endDrain(sql: Transaction, hostId: string, now: Date): Promise<boolean> {
  const { rows } = await sql.change<DrainedHost & { reason: string | null; actor: string }>(
    `DELETE FROM host_drains d USING hosts h
      WHERE d.host_id = $1 AND h.id = d.host_id AND d.deadline_at <= $2
      RETURNING h.id, h.name, d.reason, d.ordered_by AS actor`,
    [hostId, now],
  );
  for (const { reason, actor, ...host } of rows) await stopWhatIsLeft(sql, host, { reason, actor, now });
  return rows.length > 0;
}

async function stopWhatIsLeft(
  sql: Transaction,
  host: DrainedHost,
  { reason, actor, now }: Deed & { reason: string | null },
): Promise<void> {
  const context = { by: "admin", actor, now, reason: drainReason(host.name, reason) } as const;
  for (const name of await workloadsThere(sql, host.id)) {
    const workload = await storeOf(name.kind).lock(sql, name.id);
    const to = workload && rulesOf(name.kind).stopping(workload.status);
    // One that has begun to stop, or ended, since it was read needs no order.
    if (workload === null || to === null) continue;
    if (rulesOf(name.kind).hasManyStarts) {
      await stopInstancesOn(sql, { ...name, hostId: host.id }, context);
      continue;
    }
    await stopInstances(sql, name, context);
    const cause = { by: context.by, exitCode: null };
    await storeOf(name.kind).move(sql, [
      { workload, to, reason: context.reason, actor, now, hostId: host.id, cause },
    ]);
  }
}

async function notifyPeople(
  sql: Transaction,
  host: DrainedHost,
  { drain, isTakenBack, actor, now }: Deed & { drain: Drain; isTakenBack: boolean },
): Promise<void> {
  const message = isTakenBack ? drainCancelledMessage(host, drain) : drainMessage(host, drain);
  const warning = isTakenBack ? null : drainWarning(host.name, drain);
  const reported: (WorkloadName & { customerId: number })[] = [];
  for (const name of await workloadsThere(sql, host.id)) {
    const workload = await storeOf(name.kind).lock(sql, name.id);
    if (workload === null) continue;
    reported.push({ ...name, customerId: workload.customerId });
    // One with replicas elsewhere goes on, and its own rules say what becomes of those here.
    if (workload.status === "running" && !rulesOf(name.kind).hasManyStarts)
      await storeOf(name.kind).explain(sql, { id: name.id, status: "running", reason: warning });
  }
  const eventIds = await appendEvents(
    sql,
    reported.map(({ kind, id, customerId }) => ({
      at: now,
      kind: "drained",
      workloadKind: kind,
      workloadId: id,
      customerId,
      hostId: host.id,
      actor,
      new: isTakenBack ? "taken back" : (drain.deadline?.toISOString() ?? "now"),
      reason: warning ?? reasonOf("host-not-drained"),
    })),
  );
  await queueWorkMessages(
    sql,
    reported.flatMap(({ kind, id }, nth) =>
      rulesOf(kind).hasDrainMessages
        ? [{ workload: { kind, id }, eventId: eventIds[nth] ?? 0, at: now, message }]
        : [],
    ),
  );
}

/** What is to run there, in the order in which it is locked everywhere. */
async function workloadsThere(sql: Connection, hostId: string): Promise<WorkloadName[]> {
  const { rows } = await sql.query<WorkloadName>(
    `SELECT DISTINCT i.workload_kind AS kind, i.workload_id AS id
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
      WHERE p.host_id = $1 AND p.resources_released_at IS NULL AND p.want = 'running' ORDER BY i.workload_id`,
    [hostId],
  );
  return KINDS_IN_LOCK_ORDER.flatMap((kind) => rows.filter((row) => row.kind === kind));
}
