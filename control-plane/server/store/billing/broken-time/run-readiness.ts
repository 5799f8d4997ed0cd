/**
 * Which runs their hosts reported ready, and when first in each boot; and what is known of those that nobody has told
 * of yet. A replica is ready when it serves. A host speaks for the runs that were placed on it and for no others.
 */
import type { InstanceProblem, ObservedInstance } from "@remotegpu/shared/instance/instance";
import type { InstanceState } from "@remotegpu/shared/values/workload";
import type { RunSoFar } from "../../../core/billing/broken-time/run-readiness.ts";
import type { Connection } from "../../database/database.ts";

/**
 * SQL: what is told of serving, in the column given, makes a run ready whose container is up. Of what has no probe nothing
 * is told; and the metering of a run of the placement `p` that opens by its probe has opened because it served.
 */
const isReadyBy = (serving: string) => `(coalesce(${serving}, 'yes') = 'yes' OR p.spec ->> 'gate' = 'probe')`;

/** Most reports tell of no run that was not known to be ready. */
export async function noteReadiness(
  sql: Connection,
  { hostId, observed, now }: { hostId: string; observed: readonly ObservedInstance[]; now: Date },
): Promise<void> {
  // With a problem the host only takes it to run on: it cannot see, as while the runtime comes up after a new start. One
  // with which the runtime disagrees is seen: its processes are there.
  const ready = observed.filter(
    ({ phase, problem }) => phase === "ready" && (problem === null || problem === "runtime-disagrees"),
  );
  if (ready.length === 0) return;
  await sql.change(
    `INSERT INTO run_readiness (run_id, boot_id, ready_at)
     SELECT DISTINCT r.id, h.boot_id, $5::timestamptz
       FROM unnest($2::text[], $3::text[], $4::int[], $6::text[]) AS v(run_id, instance_id, epoch, serving)
       JOIN runs r ON r.id = v.run_id AND r.host_id = $1 AND r.instance_id = v.instance_id AND r.epoch = v.epoch
       JOIN placements p ON p.instance_id = r.instance_id AND p.epoch = r.epoch
       JOIN hosts h ON h.id = r.host_id AND h.boot_id IS NOT NULL
      WHERE ${isReadyBy("v.serving")}
     ON CONFLICT DO NOTHING`,
    [
      hostId,
      ready.map(({ runId }) => runId),
      ready.map(({ instanceId }) => instanceId),
      ready.map(({ placementEpoch }) => placementEpoch),
      now,
      ready.map(({ serving }) => serving ?? null),
    ],
  );
}

/** Runs of which it may be told by now, in the order of their ids. */
export async function runsToJudge(
  sql: Connection,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT r.id FROM runs r JOIN placements p ON p.instance_id = r.instance_id AND p.epoch = r.epoch
      WHERE r.was_ready IS NULL AND r.id > $1
        AND (p.run_id <> r.id OR p.state NOT IN ('placed', 'starting', 'stopping')
             OR EXISTS (SELECT FROM run_readiness y WHERE y.run_id = r.id))
      ORDER BY r.id LIMIT $2`,
    [after, limit],
  );
  return rows.map(({ id }) => id);
}

export interface JudgedRun extends RunSoFar {
  readonly id: string;
  readonly exitCode: number | null;
  readonly orderedBy: string | null;
  readonly detail: string | null;
}

/** Hold the runs. */
export async function readinessSoFar(sql: Connection, runIds: readonly string[]): Promise<JudgedRun[]> {
  const { rows } = await sql.query<{
    id: string;
    is_reported: boolean;
    proven_ms: number;
    is_current: boolean;
    ordered_by: string | null;
    state: InstanceState;
    problem: InstanceProblem | null;
    exit_code: number | null;
    detail: string | null;
  }>(
    `SELECT r.id, r.proven_ms, coalesce(p.run_id = r.id, false) AS is_current, p.ordered_by,
            EXISTS (SELECT FROM run_readiness y WHERE y.run_id = r.id)
            OR p.run_id = r.id AND p.state = 'ready' AND ${isReadyBy("p.serving")} AS is_reported,
            CASE WHEN p.run_id = r.id THEN p.state ELSE coalesce(e.phase, 'stopped') END AS state,
            coalesce(e.problem, CASE WHEN p.run_id = r.id THEN p.problem END) AS problem,
            coalesce(e.exit_code, CASE WHEN p.run_id = r.id THEN p.exit_code END) AS exit_code,
            coalesce(e.detail, CASE WHEN p.run_id = r.id THEN p.detail END) AS detail
       FROM runs r JOIN placements p ON p.instance_id = r.instance_id AND p.epoch = r.epoch
       LEFT JOIN run_ends e ON e.run_id = r.id
      WHERE r.id = ANY($1::text[]) AND r.was_ready IS NULL ORDER BY r.id`,
    [runIds],
  );
  return rows.map((row) => ({
    id: row.id,
    isReported: row.is_reported,
    provenMs: row.proven_ms,
    isReplaced: !row.is_current,
    state: row.state,
    problem: row.problem,
    exitCode: row.exit_code,
    orderedBy: row.ordered_by,
    detail: row.detail,
  }));
}

/** Hold the runs. It is told once. */
export async function setReadiness(
  sql: Connection,
  runIds: readonly string[],
  wasReady: boolean,
): Promise<void> {
  if (runIds.length === 0) return;
  await sql.change("UPDATE runs SET was_ready = $2 WHERE id = ANY($1::text[]) AND was_ready IS NULL", [
    runIds,
    wasReady,
  ]);
}
