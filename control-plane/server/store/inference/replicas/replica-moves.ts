/**
 * Replicas that are made and that are done without. One that is made is an instance without a placement, which the
 * scheduler finds; what hosts have of one that is done without is orders/replica-dismissals.ts.
 */
import type { Leaving } from "../../../core/inference/departures.ts";
import type { Creation } from "../../../core/inference/replicas.ts";
import { raiseGenerations } from "../../hosts/hosts.ts";
import type { NewId } from "../../../core/workloads/new-id.ts";
import type { Database, Transaction } from "../../database/database.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { reasonColumns, reasonLists } from "../../database/values/reason-columns.ts";
import { appendEvents, type NewEvent } from "../../events/events.ts";

const ACTOR = "control-plane";
/** The kind of events that tell of replicas: made, or done without. */
const REPLICA_EVENT = "replica";

/** SQL: of one that never had a place no host will tell its end. */
const UNPLACED_IS_OVER = "state = CASE WHEN i.current_epoch = 0 THEN 'stopped' ELSE i.state END";

export interface OfService {
  service: { id: string; customerId: number };
  now: Date;
}

/** Each with a number that none has had. */
export async function makeReplicas(
  sql: Transaction,
  { service, creations, newId, now }: OfService & { creations: readonly Creation[]; newId: NewId },
): Promise<void> {
  const revisions = creations.flatMap(({ revision, count }) => Array.from({ length: count }, () => revision));
  if (revisions.length === 0) return;
  const { rows } = await sql.change<{ rank: number }>(
    `INSERT INTO instances (id, workload_kind, workload_id, rank, state, revision, created_at)
     SELECT made.id, 'inference', $2::text, made.nth - 1 + coalesce((SELECT max(rank) + 1 FROM instances
              WHERE workload_kind = 'inference' AND workload_id = $2), 0), 'placed',
            made.revision, $4
       FROM unnest($1::text[], $3::int[]) WITH ORDINALITY AS made(id, revision, nth) RETURNING rank`,
    [revisions.map(() => newId("ins")), service.id, revisions, now],
  );
  await notify(
    sql,
    { service, now },
    rows.map(({ rank }) => ({ new: "made", reason: { code: "replica-waits-for-place", params: { rank } } })),
  );
}

/** None of them is to be given a request from now on. Answers the hosts that are to be told. */
export async function beginDrains(
  sql: Transaction,
  { service, draining, now }: OfService & { draining: readonly Pick<Leaving, "rank" | "why">[] },
): Promise<string[]> {
  if (draining.length === 0) return [];
  const { texts, codes, params } = reasonLists(draining.map(({ why }) => why));
  const { rows } = await sql.change<{ rank: number; host_id: string }>(
    `UPDATE instances i SET draining_since = $2, draining_why = d.why, draining_why_code = d.code, draining_why_params = d.params
       FROM unnest($3::int[], $4::text[], $5::text[], $6::jsonb[]) AS d(rank, why, code, params), placements p
      WHERE i.workload_kind = 'inference' AND i.workload_id = $1 AND i.rank = d.rank AND i.dismissed_at IS NULL
        AND i.draining_since IS NULL AND p.instance_id = i.id AND p.epoch = i.current_epoch
      RETURNING i.rank, p.host_id`,
    [service.id, now, draining.map(({ rank }) => rank), texts, codes, params],
  );
  const reasons = new Map(draining.map(({ rank, why }) => [rank, why]));
  await notify(
    sql,
    { service, now },
    rows.map(({ rank }) => ({ new: "draining", reason: reasons.get(rank) ?? null })),
  );
  const hostIds = [...new Set(rows.map(({ host_id: hostId }) => hostId))];
  await raiseGenerations(sql, hostIds);
  return hostIds;
}

/** After it was committed that they drain: so the moment that is written is later than that. */
export async function announceDrains(db: Database, serviceId: string): Promise<void> {
  await db.change(
    `UPDATE instances SET drain_announced_at = clock_timestamp()
      WHERE workload_kind = 'inference' AND workload_id = $1 AND dismissed_at IS NULL
        AND draining_since IS NOT NULL AND drain_announced_at IS NULL`,
    [serviceId],
  );
}

/** Its service does without each of them from now on; answers them by their ids. */
export async function noteDismissals(
  sql: Transaction,
  { service, leaving, now }: OfService & { leaving: readonly Leaving[] },
): Promise<Map<string, Leaving>> {
  const { texts, codes, params } = reasonLists(leaving.map(({ why }) => why));
  const { rows } = await sql.change<{ id: string; rank: number }>(
    `UPDATE instances i SET dismissed_at = $2, dismissal = l.why, dismissal_code = l.code, dismissal_params = l.params,
            failure = l.failure, ${UNPLACED_IS_OVER}
       FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::jsonb[]) AS l(rank, why, failure, code, params)
      WHERE i.workload_kind = 'inference' AND i.workload_id = $1 AND i.rank = l.rank AND i.dismissed_at IS NULL
      RETURNING i.id, i.rank`,
    [
      service.id,
      now,
      leaving.map(({ rank }) => rank),
      texts,
      leaving.map(({ failure }) => failure),
      codes,
      params,
    ],
  );
  const byRank = new Map(leaving.map((one) => [one.rank, one]));
  const gone = rows.flatMap(({ id, rank }) => {
    const one = byRank.get(rank);
    return one === undefined ? [] : [[id, one] as const];
  });
  await notify(
    sql,
    { service, now },
    gone.map(([, { why }]) => ({ new: "gone", reason: why })),
  );
  return new Map(gone);
}

/** All that is left of it, of one that is deleted. */
export async function dismissAll(
  sql: Transaction,
  id: string,
  { why, now }: { why: Reason; now: Date },
): Promise<void> {
  const { text, code, params } = reasonColumns(why);
  await sql.change(
    `UPDATE instances i SET dismissed_at = $2, dismissal = $3, dismissal_code = $4, dismissal_params = $5, ${UNPLACED_IS_OVER}
      WHERE workload_kind = 'inference' AND workload_id = $1 AND dismissed_at IS NULL`,
    [id, now, text, code, params],
  );
}

async function notify(
  sql: Transaction,
  { service, now }: OfService,
  reported: readonly Pick<NewEvent, "new" | "reason">[],
): Promise<void> {
  await appendEvents(
    sql,
    reported.map((event) => ({
      at: now,
      kind: REPLICA_EVENT,
      workloadKind: "inference" as const,
      workloadId: service.id,
      customerId: service.customerId,
      actor: ACTOR,
      ...event,
    })),
  );
}
