/** A workload's instances as its people see them: where, on which cards, how long, and what it cost so far. */
import type { Finding } from "@remotegpu/shared/instance/instance";
import type { WaitingProcesses } from "@remotegpu/shared/instance/progress";
import type { CardFault } from "../../../core/hosts/card-fault.ts";
import type { ContainerSwitches } from "../../../core/environments/environment-change.ts";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Connection } from "../../database/database.ts";
import { type StoredReason, storedReasonColumn } from "../../database/values/reason-columns.ts";
import { CARD_FAULT } from "../../hosts/gpus/card-fault.ts";
import { SAMPLED_AT } from "../../hosts/gpus/card-sample.ts";
import { FIGURES_NOW, type ReportedFigures } from "./instance-figures.ts";

/** What its host said of a card last. Moments are texts. */
interface CardReading {
  utilization_percent: number | null;
  memory_used_mib: number | null;
  temperature_c: number | null;
  power_w: string | null;
  sampled_at: string | null;
}

interface InstanceGpu {
  uuid: string;
  model: string | null;
  simulated: boolean;
  /** The slice's size; null for a whole card. */
  memory_mib: number | null;
  /** Null of one that it holds no more: what it does now is others'. */
  reading: CardReading | null;
  /** What its host holds against it; null where it holds nothing, and of one that it holds no more. */
  fault: CardFault | null;
}

/** One rank among those that start together. Moments are texts. */
interface GangView {
  /** In the gang's network. */
  address: string;
  held_at: string | null;
  released_at: string | null;
  /** What its host found while it was held. */
  findings: Finding[] | null;
  /** Addresses of ranks from which it hears nothing. */
  cut_off: string[] | null;
}

/** How a run ended, as its host told it. */
export interface RunEnding {
  reported_at: Date;
  phase: string;
  problem: string | null;
  detail: string | null;
  detail_code: string | null;
  detail_params: Record<string, unknown> | null;
  exit_code: number | null;
  out_of_memory: boolean;
  signal: string | null;
  /** Null where it could not be read, and where no tails were asked for. */
  tail: string | null;
}

/** How often its container ended and was started again within the run, and how it ended before the last time. */
interface RunRestarts {
  count: number;
  exit_code: number | null;
  out_of_memory: boolean;
  signal: string | null;
  last_at: Date;
  /** Since when they come in a row; null where it is calm. */
  looping_since: Date | null;
}

export interface InstanceRun {
  id: string;
  ordered_at: Date;
  first_proven_at: Date | null;
  last_proven_at: Date | null;
  closed_at: Date | null;
  proven_ms: number;
  /** Metered and not charged: as of the last charge. */
  waived_ms: number;
  /** From when on nothing is charged, and why; null where everything is. */
  waive_from: Date | null;
  waive_reason: string | null;
  billed_minutes: number;
  /** Points charged so far, a decimal. */
  charged: string;
  host_id: string;
  /** Stretches that are free because something broke; one that lasts on has no end. */
  waived: { reason: string; from: string; to: string | null; sentence: StoredReason }[];
  /** Null while it lives, and where its host never told. */
  end: RunEnding | null;
  /** Null where there was none. */
  restarts: RunRestarts | null;
}

export interface InstanceView {
  id: string;
  rank: number;
  epoch: number;
  state: string;
  want: string;
  detail: string | null;
  detail_code: string | null;
  detail_params: Record<string, unknown> | null;
  problem: string | null;
  /** The run that is wanted now. */
  run_id: string | null;
  host_id: string;
  host_name: string;
  container_id: string | null;
  exit_code: number | null;
  /** Of its container; null where its host has not told. */
  image_id: string | null;
  /** What that image brings, by words; null where its host could not look. */
  image_brings: string[] | null;
  figures: ReportedFigures | null;
  placed_at: Date;
  /** Null where it starts alone. */
  gang: GangView | null;
  /** Since when it does nothing, and what its processes waited for then; null where it does something. */
  idle: { since: string; processes: WaitingProcesses[] | null } | null;
  /** Since when all of it is held still from outside. */
  frozen_since: Date | null;
  /** Of a replica: of which revision of its service; null for other kinds. */
  revision: number | null;
  /** Whether it answers its probe; null where its host does not tell. */
  serving: string | null;
  /** Of a replica that gets no request any more and still ends those that it has: since when. */
  draining_since: Date | null;
  /** Of a replica that its service does without: since when, and why. */
  dismissed_at: Date | null;
  dismissal: StoredReason;
  /** What its container was made with. */
  switches: ContainerSwitches;
  gpus: InstanceGpu[];
  runs: InstanceRun[];
}

const GANG = `CASE WHEN p.gang_network IS NOT NULL THEN jsonb_build_object('address', p.spec #>> '{network,address}',
    'held_at', p.held_at, 'released_at', p.released_at, 'findings', p.findings, 'cut_off', p.cut_off) END`;

const IDLE = `CASE WHEN p.idle_since IS NOT NULL AND p.state = 'ready' THEN
    jsonb_build_object('since', p.idle_since, 'processes', p.idle_processes) END`;

/** The newest runs that an answer carries of each instance; /billing has them all. */
const MAX_RUNS = 20;

export interface InstancesQuery {
  withTails?: boolean;
  /** Replicas that are over, too. */
  withGone?: boolean;
}

/** The current placement of each instance, by workload; none before the first. Of replicas those that are wanted or hold something. */
export async function instancesOf(
  sql: Connection,
  kind: WorkloadKind,
  workloadIds: readonly string[],
  { withTails = false, withGone = false }: InstancesQuery = {},
): Promise<Map<string, InstanceView[]>> {
  const { rows } = await sql.query<Omit<InstanceView, "gpus" | "runs"> & { workload_id: string }>(
    `SELECT i.workload_id, i.id, i.rank, p.epoch, p.state, p.want, p.detail, p.detail_code, p.detail_params, p.problem, p.run_id,
            i.revision, p.serving, i.draining_since, i.dismissed_at, ${storedReasonColumn("i", "dismissal")} AS dismissal, p.host_id, h.name AS host_name, p.container_id, p.exit_code, p.image_id, p.image_brings, ${FIGURES_NOW} AS figures, p.created_at AS placed_at,
            ${IDLE} AS idle, p.frozen_since, ${GANG} AS gang, jsonb_build_object('jupyter_enabled', p.spec->'jupyter', 'tensorboard_enabled', p.spec->'tensorboard') AS switches
       FROM instances i JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       JOIN hosts h ON h.id = p.host_id
      WHERE i.workload_kind = $2 AND i.workload_id = ANY($1::text[])
        AND ($3 OR i.dismissed_at IS NULL OR p.resources_released_at IS NULL) ORDER BY i.workload_id, i.rank`,
    [workloadIds, kind, withGone],
  );
  const ids = rows.map(({ id }) => id);
  const [gpus, runs] = await Promise.all([gpusOf(sql, ids), runsOf(sql, ids, withTails)]);
  const views = new Map<string, InstanceView[]>(workloadIds.map((id) => [id, []]));
  for (const { workload_id, ...row } of rows)
    views.get(workload_id)?.push({
      ...row,
      gpus: gpus.filter((gpu) => gpu.instance_id === row.id).map(({ instance_id: _id, ...gpu }) => gpu),
      runs: runs.filter((run) => run.instance_id === row.id).map(({ instance_id: _id, ...run }) => run),
    });
  return views;
}

const READING = `CASE WHEN a.released_at IS NULL THEN jsonb_build_object(
    'utilization_percent', g.utilization_percent, 'memory_used_mib', g.memory_used_mib, 'temperature_c', g.temperature_c,
    'power_w', g.power_w::text, 'sampled_at', ${SAMPLED_AT}) END`;

/** The cards that it holds, or else those that it held last: what ran is told by its cards afterwards, too. */
async function gpusOf(
  sql: Connection,
  instanceIds: string[],
): Promise<(InstanceGpu & { instance_id: string })[]> {
  const { rows } = await sql.query<InstanceGpu & { instance_id: string }>(
    `SELECT a.instance_id, a.gpu_uuid AS uuid, g.name AS model, g.simulated, a.memory_mib, ${READING} AS reading,
            CASE WHEN a.released_at IS NULL THEN ${CARD_FAULT} END AS fault
       FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid JOIN hosts h ON h.id = g.host_id
       LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid
       JOIN instances i ON i.id = a.instance_id AND i.current_epoch = a.epoch
      WHERE a.instance_id = ANY($1::text[]) AND (a.released_at IS NULL OR NOT EXISTS (
              SELECT FROM gpu_allocations b
               WHERE b.instance_id = a.instance_id AND b.epoch = a.epoch AND b.released_at IS NULL)) ORDER BY a.instance_id, g.gpu_index`,
    [instanceIds],
  );
  return rows;
}

type RestartsRow = { [Column in keyof RunRestarts as `restart_${Column}`]: RunRestarts[Column] };
type RunRow = Omit<InstanceRun, "end" | "restarts"> &
  RunEnding &
  Omit<RestartsRow, "restart_last_at"> & {
    instance_id: string;
    reported_at: Date | null;
    restart_last_at: Date | null;
  };

/** Free loading is written down as it becomes known, minute by minute: what touches is shown as one. */
const WAIVED = `(SELECT coalesce(jsonb_agg(jsonb_build_object('reason', w.reason, 'from', w.from_at, 'to', w.to_at,
    'sentence', jsonb_build_object('text', w.sentence, 'code', w.code, 'params', w.params)) ORDER BY w.from_at, w.id), '[]') FROM (
      SELECT id, reason, from_at, to_at, evidence ->> 'sentence' AS sentence, evidence ->> 'sentence_code' AS code,
             evidence -> 'sentence_params' AS params
        FROM run_waivers WHERE run_id = r.id AND reason <> 'loading'
      UNION ALL
      SELECT 0, 'loading', lower(l.one), upper(l.one), l.sentence, l.code, l.params FROM (
        SELECT evidence ->> 'sentence' AS sentence, max(evidence ->> 'sentence_code') AS code,
               (array_agg(evidence -> 'sentence_params') FILTER (WHERE evidence ? 'sentence_code'))[1] AS params,
               unnest(range_agg(tstzrange(from_at, to_at))) AS one
          FROM run_waivers WHERE run_id = r.id AND reason = 'loading' GROUP BY 1) l) w)`;

async function runsOf(
  sql: Connection,
  instanceIds: string[],
  withTails: boolean,
): Promise<(InstanceRun & { instance_id: string })[]> {
  const { rows } = await sql.query<RunRow>(
    `SELECT r.instance_id, r.id, r.host_id, r.ordered_at, r.first_proven_at, r.last_proven_at, r.closed_at, r.proven_ms,
            r.waived_ms, r.waive_from, r.waive_reason, r.billed_minutes, r.posted_amount AS charged, e.reported_at, ${WAIVED} AS waived, e.phase, e.problem, e.detail, e.detail_code, e.detail_params, e.exit_code,
            e.out_of_memory, e.signal, CASE WHEN $3 THEN e.tail END AS tail, k.count AS restart_count,
            k.exit_code AS restart_exit_code, k.out_of_memory AS restart_out_of_memory, k.signal AS restart_signal,
            k.reported_at AS restart_last_at, k.looping_since AS restart_looping_since
       FROM (SELECT r.*, row_number() OVER (PARTITION BY instance_id ORDER BY ordered_at DESC, id DESC) AS nth
               FROM runs r WHERE instance_id = ANY($1::text[])) r
       LEFT JOIN run_ends e ON e.run_id = r.id LEFT JOIN run_restarts k ON k.run_id = r.id
      WHERE r.nth <= $2 ORDER BY r.instance_id, r.nth`,
    [instanceIds, MAX_RUNS, withTails],
  );
  return rows.map(runOf);
}

function runOf(row: RunRow): InstanceRun & { instance_id: string } {
  const { reported_at, phase, problem, detail, detail_code, detail_params, exit_code, ...rest } = row;
  const { out_of_memory, signal, tail, ...others } = rest;
  const {
    restart_count: count,
    restart_exit_code,
    restart_out_of_memory,
    restart_signal,
    restart_last_at: last_at,
    restart_looping_since: looping_since,
    ...run
  } = others;
  return {
    ...run,
    end: reported_at && {
      reported_at,
      phase,
      problem,
      detail,
      detail_code,
      detail_params,
      exit_code,
      out_of_memory,
      signal,
      tail,
    },
    restarts: last_at && {
      count,
      exit_code: restart_exit_code,
      out_of_memory: restart_out_of_memory,
      signal: restart_signal,
      last_at,
      looping_since,
    },
  };
}
