/**
 * The wishes that make the number of a service's replicas, and that number: whatever changes one of them writes it here,
 * and the number with it, in one statement, since the database refuses numbers beyond their bounds.
 */
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import type { AutoscalingOrder } from "../../core/inference/service-config.ts";
import {
  type Scaling,
  scalesByItself,
  type ReplicaRequests,
  wantedReplicas,
} from "../../core/inference/wanted-replicas.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { knownStatus, SOUND_SIZES } from "../database/values/old-values.ts";

interface ReplicaRequestsRow {
  id: string;
  status: InferenceServiceStatus;
  min: number;
  max: number;
  people: number | null;
  is_enabled: boolean;
  config: AutoscalingOrder | null;
  is_dry_run: boolean;
  load_replicas: number | null;
  woken_at: Date | null;
}

const REPLICA_REQUESTS = `SELECT s.id, ${knownStatus("inference", "s")} AS status, coalesce(s.min_replicas, 1) AS min,
    coalesce(s.max_replicas, 10) AS max, s.desired_replicas AS people, coalesce(s.autoscaling_enabled, false) AS is_enabled,
    s.autoscaling_config AS config, s.autoscaling_dry_run AS is_dry_run, s.load_replicas, s.woken_at
   FROM inference_services s WHERE s.id = ANY($1::text[])`;

/** SQL: the number of the service `s` follows its load; else it is left to people (core/inference/wanted-replicas.ts). */
export const SCALES_BY_ITSELF = `(coalesce(s.autoscaling_enabled, false) AND NOT s.autoscaling_dry_run
    AND coalesce(s.autoscaling_config -> 'paused' <> 'true', true))`;

/** As many as each is to have once it is in that status. The services are held by the caller. */
export async function wantedIn(
  sql: Connection,
  moves: readonly { id: string; status: InferenceServiceStatus }[],
): Promise<Map<string, number>> {
  const { rows } = await sql.query<ReplicaRequestsRow>(REPLICA_REQUESTS, [moves.map(({ id }) => id)]);
  const known = new Map(rows.map((row) => [row.id, row]));
  return new Map(
    moves.flatMap(({ id, status }) => {
      const row = known.get(id);
      return row === undefined ? [] : [[id, wantedReplicas(replicaRequestsOf({ ...row, status }))] as const];
    }),
  );
}

type Requests = Omit<ReplicaRequestsRow, "id" | "status">;
/** Left out, a wish stays as it is. */
export type ReplicaRequestChange = { [Key in keyof Requests]?: Requests[Key] | undefined };

/** Answers the number that is wanted now. The service is held by the caller. */
export async function changeReplicaRequests(
  sql: Transaction,
  id: string,
  change: ReplicaRequestChange,
): Promise<number> {
  const { rows } = await sql.query<ReplicaRequestsRow>(REPLICA_REQUESTS, [[id]]);
  const [row] = rows;
  if (row === undefined) throw new Error(`service ${id} vanished within its own transaction`);
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const after = handedOver(row, { ...row, ...given });
  const wanted = wantedReplicas(replicaRequestsOf(after));
  await sql.change(
    `UPDATE inference_services SET ${SOUND_SIZES}, min_replicas = $2, max_replicas = $3, desired_replicas = $4,
            autoscaling_enabled = $5, autoscaling_config = $6, autoscaling_dry_run = $7, load_replicas = $8, woken_at = $9,
            replicas = $10
      WHERE id = $1`,
    [
      id,
      after.min,
      after.max,
      after.people,
      after.is_enabled,
      after.config && JSON.stringify(after.config),
      after.is_dry_run,
      after.load_replicas,
      after.woken_at,
      wanted,
    ],
  );
  return wanted;
}

/** Whoever says how many from now on begins with the number that there is. */
function handedOver(before: ReplicaRequestsRow, after: ReplicaRequestsRow): ReplicaRequestsRow {
  const [did, does] = [before, after].map((row) => scalesByItself(scalingOf(row)));
  if (did === does) return after;
  const began = wantedReplicas(replicaRequestsOf({ ...before, status: "running" }));
  return {
    ...after,
    people: after.people === before.people ? began : after.people,
    load_replicas: null,
    woken_at: null,
  };
}

function scalingOf({ is_enabled: isEnabled, config, is_dry_run: isDryRun }: ReplicaRequestsRow): Scaling {
  return { isEnabled, isPaused: config?.paused === true, isDryRun };
}

function replicaRequestsOf(row: ReplicaRequestsRow): ReplicaRequests {
  const { status, min, max, people, load_replicas: replicas, woken_at: wokenAt } = row;
  const load = scalesByItself(scalingOf(row)) ? { replicas, isWoken: wokenAt !== null } : null;
  return { status, min, max, people, load };
}

/** How many replicas failed in a row, and until when no other is made because of it; null where nothing is in the way. */
export async function failuresOf(
  sql: Connection,
  id: string,
): Promise<{ failures: number; until: Date | null }> {
  const { rows } = await sql.query<{ failures: number; until: Date | null }>(
    "SELECT replica_failures AS failures, replace_after AS until FROM inference_services WHERE id = $1",
    [id],
  );
  return rows[0] ?? { failures: 0, until: null };
}

/** How many replicas failed in a row, and until when no other is made because of it. */
export async function noteFailures(
  sql: Connection,
  id: string,
  { failures, until }: { failures: number; until: Date | null },
): Promise<void> {
  await sql.change(
    `UPDATE inference_services SET ${SOUND_SIZES}, replica_failures = $2, replace_after = $3 WHERE id = $1`,
    [id, failures, until],
  );
}
