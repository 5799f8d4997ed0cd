/** Services that are to scale by themselves, as a look at each of them needs them, and what is kept of that look. */
import type {
  ScalingCheck,
  ReadyReplica,
  ScaledService,
} from "../../core/inference/autoscaling/scaling-check.ts";
import type { StoredCount } from "../../core/inference/autoscaling/counters.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { reasonLists } from "../database/values/reason-columns.ts";

export interface FoundService extends ScaledService {
  id: string;
  customerId: number;
}

interface Row {
  id: string;
  customer_id: number;
  is_enabled: boolean;
  is_dry_run: boolean;
  config: Record<string, unknown> | null;
  min: number;
  max: number;
  wanted: number;
  ready: { id: string; cores: number; cpu_ms: number | null; reported_at: string | null }[];
  checked_at: Date | null;
  requested: number | null;
  history: unknown;
  counts: StoredCount[] | null;
}

const FOUND = `SELECT s.id, s.customer_id, s.autoscaling_enabled AS is_enabled, s.autoscaling_dry_run AS is_dry_run,
    s.autoscaling_config AS config, coalesce(s.min_replicas, 1) AS min, coalesce(s.max_replicas, 10) AS max,
    coalesce(s.replicas, 0) AS wanted, l.checked_at, l.desired_replicas AS requested, l.history, l.counts,
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', i.id, 'cores', v.cpu, 'cpu_ms', f.cpu_ms, 'reported_at', f.reported_at))
                FROM instances i
                JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch AND p.state = 'ready'
                 AND p.want = 'running' AND coalesce(p.serving, 'yes') = 'yes'
                JOIN service_revisions v ON v.service_id = s.id AND v.number = i.revision
                LEFT JOIN instance_figures f ON f.instance_id = i.id AND f.run_id = p.run_id
               WHERE i.workload_kind = 'inference' AND i.workload_id = s.id AND i.dismissed_at IS NULL
                 AND i.draining_since IS NULL), '[]') AS ready
   FROM inference_services s LEFT JOIN scaling_checks l ON l.service_id = s.id
  WHERE s.autoscaling_enabled AND s.deleted_at IS NULL AND s.status IN ('creating', 'running')
    AND EXISTS (SELECT FROM service_revisions v WHERE v.service_id = s.id)`;

/** In the order of their ids; a page begins after the last of the one before. */
export async function scaledServices(
  sql: Connection,
  { after, limit }: { after: string | null; limit: number },
): Promise<FoundService[]> {
  const { rows } = await sql.query<Row>(
    `${FOUND} AND ($1::text IS NULL OR s.id > $1) ORDER BY s.id LIMIT $2`,
    [after, limit],
  );
  return rows.map(foundOf);
}

/** One that the caller holds; null where it is not one of them any more. */
export async function scaledService(sql: Connection, id: string): Promise<FoundService | null> {
  const { rows } = await sql.query<Row>(`${FOUND} AND s.id = $1`, [id]);
  return rows.map(foundOf)[0] ?? null;
}

function foundOf(row: Row): FoundService {
  const { checked_at: checkedAt, requested, history, counts } = row;
  const isKnown = checkedAt !== null && requested !== null && counts !== null;
  return {
    id: row.id,
    customerId: row.customer_id,
    isEnabled: row.is_enabled,
    isDryRun: row.is_dry_run,
    config: row.config,
    bounds: { min: row.min, max: row.max },
    wanted: row.wanted,
    ready: row.ready.map(readyOf),
    memory: isKnown ? { checkedAt: checkedAt.getTime(), requested, history, counts } : null,
  };
}

function readyOf({ id, cores, cpu_ms: ms, reported_at: reportedAt }: Row["ready"][number]): ReadyReplica {
  return {
    id,
    cores,
    cpu: ms === null || reportedAt === null ? null : { ms, reportedAt: Date.parse(reportedAt) },
  };
}

/** What the next look begins with, of all in one statement. */
export async function storeScalingChecks(
  sql: Transaction,
  checks: readonly { id: string; check: ScalingCheck }[],
): Promise<void> {
  if (checks.length === 0) return;
  const stored = checks.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const { texts, codes, params } = reasonLists(stored.map(({ check: { decision } }) => decision.sentence));
  await sql.change(
    `INSERT INTO scaling_checks (service_id, checked_at, desired_replicas, sentence, history, counts, sentence_code, sentence_params)
     SELECT l.* FROM unnest($1::text[], $2::timestamptz[], $3::int[], $4::text[], $5::jsonb[], $6::jsonb[], $7::text[], $8::jsonb[])
         AS l(service_id, checked_at, desired_replicas, sentence, history, counts, sentence_code, sentence_params)
     ON CONFLICT (service_id) DO UPDATE SET checked_at = excluded.checked_at, desired_replicas = excluded.desired_replicas,
       sentence = excluded.sentence, sentence_code = excluded.sentence_code,
       sentence_params = excluded.sentence_params, history = excluded.history, counts = excluded.counts`,
    [
      stored.map(({ id }) => id),
      stored.map(({ check: { memory } }) => new Date(memory.checkedAt)),
      stored.map(({ check: { memory } }) => memory.requested),
      texts,
      stored.map(({ check: { memory } }) => memory.history && JSON.stringify(memory.history)),
      stored.map(({ check: { memory } }) => JSON.stringify(memory.counts)),
      codes,
      params,
    ],
  );
}
