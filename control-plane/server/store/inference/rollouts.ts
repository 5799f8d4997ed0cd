/**
 * Rollouts of a service, and which of its revisions serves: its row shows what serves, and changes with it in one
 * statement. Of the rollouts at most one is open; the others are history.
 */
import { rolloutMessage } from "../../core/alerts/service-messages.ts";
import type { ReplicaFault } from "../../core/inference/rollout/revision-replicas.ts";
import type { Rollout, Versions } from "../../core/inference/rollout/versions.ts";
import { REVISION_KEYS } from "../../core/inference/revision-template.ts";
import type { Connection, Transaction } from "../database/database.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import { isSameValue } from "@remotegpu/shared/values/same-value";
import {
  reasonColumns,
  storedReason,
  type StoredReason,
  storedReasonColumn,
} from "../database/values/reason-columns.ts";
import { appendEvents } from "../events/events.ts";
import { queueWorkMessages } from "../events/message-outbox.ts";

/** The kind of events that tell of rollouts. */
const ROLLOUT_EVENT = "rollout";

type RolloutOutcome = "completed" | "reverted" | "superseded";

/** Null: it does not go back. */
interface CauseColumns {
  cause: string | null;
  cause_code: string | null;
  cause_params: Record<string, unknown> | null;
}

export interface VersionsRow {
  serving_revision: number;
  previous_revision: number | null;
  rollout:
    | (CauseColumns & {
        number: number;
        target: number;
        allows_gap: boolean;
        gap_from: number | null;
        began_at: string;
      })
    | null;
  names: Record<string, string | null>;
}

/** SQL: of the service `s`. One that an older control plane made beside this one has not been told which one serves. */
export const VERSIONS = `coalesce(s.serving_revision, (SELECT max(v.number) FROM service_revisions v WHERE v.service_id = s.id))
      AS serving_revision, s.previous_revision,
    (SELECT to_jsonb(r) FROM service_rollouts r WHERE r.service_id = s.id AND r.ended_at IS NULL) AS rollout,
    coalesce((SELECT jsonb_object_agg(v.number, v.version) FROM service_revisions v
       WHERE v.service_id = s.id AND (v.number IN (s.serving_revision, s.previous_revision) OR v.number IN (
         SELECT r.target FROM service_rollouts r WHERE r.service_id = s.id AND r.ended_at IS NULL))), '{}') AS names`;

export function versionsOf({ serving_revision, previous_revision, rollout }: VersionsRow): Versions {
  return {
    serving: serving_revision,
    previous: previous_revision,
    rollout: rollout && {
      target: rollout.target,
      cause: causeOf(rollout),
      allowsGap: rollout.allows_gap,
      gapFrom: rollout.gap_from,
    },
  };
}

function causeOf({ cause: text, cause_code: code, cause_params: params }: CauseColumns): Reason | null {
  return storedReason({ text, code, params });
}

export function namesOf({ names }: VersionsRow): Map<number, string> {
  return new Map(
    Object.entries(names).flatMap(([number, name]) => (name === null ? [] : [[Number(number), name]])),
  );
}

/** The versions of a service that the caller holds. */
export async function heldVersions(sql: Transaction, id: string): Promise<VersionsRow> {
  const { rows } = await sql.query<VersionsRow>(
    `SELECT ${VERSIONS} FROM inference_services s WHERE s.id = $1`,
    [id],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`service ${id} vanished within its own transaction`);
  return row;
}

/** By service: of replicas of an open rollout's target that are done without since it began. */
export async function rolloutFaults(
  sql: Connection,
  ids: readonly string[],
): Promise<Map<string, ReplicaFault[]>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql.query<{ id: string; why: StoredReason; is_hopeless: boolean }>(
    `SELECT r.service_id AS id, ${storedReasonColumn("i", "dismissal")} AS why, i.failure = 'hopeless' AS is_hopeless
       FROM service_rollouts r JOIN instances i ON i.workload_kind = 'inference' AND i.workload_id = r.service_id
        AND i.revision = r.target AND i.failure IS NOT NULL AND i.dismissed_at >= r.began_at
      WHERE r.service_id = ANY($1::text[]) AND r.ended_at IS NULL ORDER BY i.dismissed_at, i.rank`,
    [ids],
  );
  return new Map(
    [...Map.groupBy(rows, ({ id }) => id)].map(([id, faults]) => [
      id,
      faults.flatMap(({ why: stored, is_hopeless: isHopeless }) => {
        const why = storedReason(stored);
        return why === null ? [] : [{ why, isHopeless }];
      }),
    ]),
  );
}

export interface OfRollout {
  service: { id: string; customerId: number };
  actor: string;
  now: Date;
}

/** What people asked for: another rollout takes the place of an open one, unless it is the same with another word about gaps. */
export async function requestRollout(
  sql: Transaction,
  of: OfRollout,
  { before, rollout, reported }: { before: Versions; rollout: Rollout; reported: Reason },
): Promise<void> {
  const { service, actor, now } = of;
  if (before.rollout !== null && isSame(before.rollout, rollout)) {
    await keepRollout(sql, service.id, rollout);
    if (!isSameValue(rollout.cause, before.rollout.cause))
      await notify(sql, of, { what: "reverting", reported });
    return;
  }
  if (before.rollout !== null) await endRollout(sql, service.id, { outcome: "superseded", cause: null, now });
  const cause = reasonColumns(rollout.cause);
  await sql.change(
    `INSERT INTO service_rollouts (service_id, number, from_revision, target, allows_gap, gap_from, cause, began_at, actor,
            cause_code, cause_params)
     SELECT $1::text, 1 + coalesce(max(number), 0), $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb FROM service_rollouts WHERE service_id = $1::text`,
    [
      service.id,
      before.serving,
      rollout.target,
      rollout.allowsGap,
      rollout.gapFrom,
      cause.text,
      now,
      actor,
      cause.code,
      cause.params,
    ],
  );
  await notify(sql, of, { what: "began", reported });
}

/** One that goes back is never taken up again. */
function isSame(before: Rollout, after: Rollout): boolean {
  return before.target === after.target && (before.cause === null || after.cause !== null);
}

export interface Turn {
  before: Versions;
  after: Versions;
  ended: Exclude<RolloutOutcome, "superseded"> | null;
  cause: Reason | null;
  reported: Reason | null;
}

/** What a look at its replicas made of the open one; nothing is written where it stands as it stood. */
export async function noteTurn(
  sql: Transaction,
  of: OfRollout,
  { before, after, ended, cause, reported }: Turn,
): Promise<void> {
  const { service, now } = of;
  if (before.rollout === null) return;
  if (ended !== null) {
    await endRollout(sql, service.id, { outcome: ended, cause, now });
    if (after.serving !== before.serving) await serveRevision(sql, service.id, after);
    const eventId = await notify(sql, of, { what: ended, reported });
    const { serving } = after;
    const message = rolloutMessage({
      outcome: ended,
      reported,
      target: before.rollout.target,
      serving,
      cause,
    });
    const workload = { kind: "inference", id: service.id } as const;
    return await queueWorkMessages(sql, [{ workload, eventId, at: now, message }]);
  }
  if (after.rollout === null || !isOther(before.rollout, after.rollout)) return;
  await keepRollout(sql, service.id, after.rollout);
  if (!isSameValue(before.rollout.cause, after.rollout.cause))
    await notify(sql, of, { what: "reverting", reported });
}

export function isOther(one: Rollout, other: Rollout): boolean {
  return (
    !isSameValue(one.cause, other.cause) || one.gapFrom !== other.gapFrom || one.allowsGap !== other.allowsGap
  );
}

async function keepRollout(sql: Transaction, serviceId: string, rollout: Rollout): Promise<void> {
  const cause = reasonColumns(rollout.cause);
  await sql.change(
    `UPDATE service_rollouts SET cause = $2, cause_code = $5, cause_params = $6, allows_gap = $3, gap_from = $4
      WHERE service_id = $1 AND ended_at IS NULL`,
    [serviceId, cause.text, rollout.allowsGap, rollout.gapFrom, cause.code, cause.params],
  );
}

async function endRollout(
  sql: Transaction,
  serviceId: string,
  { outcome, cause, now }: { outcome: RolloutOutcome; cause: Reason | null; now: Date },
): Promise<void> {
  const { text, code, params } = reasonColumns(cause);
  await sql.change(
    `UPDATE service_rollouts SET outcome = $2, cause = coalesce(cause, $3), ended_at = $4,
            cause_code = CASE WHEN cause IS NULL THEN $5 ELSE cause_code END,
            cause_params = CASE WHEN cause IS NULL THEN $6::jsonb ELSE cause_params END
      WHERE service_id = $1 AND ended_at IS NULL`,
    [serviceId, outcome, text, now, code, params],
  );
}

/** The row shows it from now on, whole; how gateways show the service is not the revision's. */
async function serveRevision(
  sql: Transaction,
  serviceId: string,
  { serving, previous }: Versions,
): Promise<void> {
  await sql.change(
    `UPDATE inference_services s
        SET serving_revision = v.number, previous_revision = $3, version = v.version,
            previous_version = (SELECT p.version FROM service_revisions p WHERE p.service_id = s.id AND p.number = $3),
            image = v.image, env_vars = v.env_vars, cpu = v.cpu, memory = v.memory, gpu = v.gpu, gpu_memory = v.gpu_memory,
            model_id = v.model_id, model_version = v.model_version,
            config = (coalesce(s.config, '{}') - $4::text[]) || coalesce((SELECT jsonb_object_agg(e.key, e.value)
              FROM jsonb_each(coalesce(v.config, '{}')) e WHERE e.key = ANY($4::text[])), '{}')
       FROM service_revisions v WHERE s.id = $1 AND v.service_id = s.id AND v.number = $2`,
    [serviceId, serving, previous, REVISION_KEYS],
  );
}

/** Answers the event's id. */
async function notify(
  sql: Transaction,
  { service, actor, now }: OfRollout,
  { what, reported }: { what: "began" | "reverting" | RolloutOutcome; reported: Reason | null },
): Promise<number> {
  const [eventId = 0] = await appendEvents(sql, [
    {
      at: now,
      kind: ROLLOUT_EVENT,
      workloadKind: "inference",
      workloadId: service.id,
      customerId: service.customerId,
      actor,
      new: what,
      reason: reported,
    },
  ]);
  return eventId;
}

export interface RolloutRow {
  number: number;
  from_revision: number;
  from_version: string | null;
  target: number;
  version: string | null;
  allows_gap: boolean;
  cause: Reason | null;
  began_at: Date;
  actor: string;
  ended_at: Date | null;
  outcome: RolloutOutcome | null;
}

/** The newest first; a page begins below the number given. */
export async function serviceRollouts(
  sql: Connection,
  serviceId: string,
  { before, limit }: { before: number | null; limit: number },
): Promise<RolloutRow[]> {
  const { rows } = await sql.query<Omit<RolloutRow, "cause"> & { cause: StoredReason }>(
    `SELECT r.number, r.from_revision, f.version AS from_version, r.target, t.version, r.allows_gap,
            ${storedReasonColumn("r", "cause")} AS cause, r.began_at,
            r.actor, r.ended_at, r.outcome
       FROM service_rollouts r
       JOIN service_revisions f ON f.service_id = r.service_id AND f.number = r.from_revision
       JOIN service_revisions t ON t.service_id = r.service_id AND t.number = r.target
      WHERE r.service_id = $1 AND ($2::int IS NULL OR r.number < $2) ORDER BY r.number DESC LIMIT $3`,
    [serviceId, before, limit],
  );
  return rows.map(({ cause, ...row }) => ({ ...row, cause: storedReason(cause) }));
}
