/**
 * From what hosts reported of a workload's instances to its status: the reports of all of them are laid before the rules
 * of its kind, and what these answer is written down. An environment's are applied with its host's report, others by the
 * pass over workloads; both ways lead through here.
 */
import type { InstanceProblem } from "@remotegpu/shared/instance/instance";
import type { InstanceState, WorkloadKind } from "@remotegpu/shared/values/workload";
import type { Reason } from "../../core/reasons/reason.ts";
import type { CardFault } from "../../core/hosts/card-fault.ts";
import { type Drain, drainWarning } from "../../core/hosts/drain.ts";
import type { Failure, InstanceReport, StopActor, Transition } from "../../core/instances/instance-report.ts";
import { type LogRule, ruleFor } from "../../core/training/log-rules.ts";
import { type AfterFailure, afterFailure, type RetryState } from "../../core/training/retries.ts";
import { rulesOf, type WorkloadStatus } from "../../core/workloads/kinds.ts";
import type { LockedWorkload } from "../../core/workloads/workload-move.ts";
import { nameKey, type WorkloadName } from "../../core/workloads/workload-name.ts";
import { closeRun } from "../billing/runs/runs.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { FAULT_AT_END } from "../hosts/gpus/card-fault.ts";
import { removeInstances, stopInstances } from "../orders/workload-stops.ts";
import { storeOf } from "../workloads/kinds.ts";
import { forgetSkips, skipHost, skipHostOfCard, skipPool } from "../workloads/place-skips.ts";
import { forgetPreflight, loseRanks, noteBreak, releaseGang } from "./gangs/gang-moves.ts";
import { lastGain, tailsOfRuns } from "./runs/left-by-runs.ts";
import { PROGRESS, progressOf, type ProgressRow, notifyStallEnd, notifyStall } from "./runs/stalls.ts";
import { rankState, RANK_STATE, type RankStateRow } from "./gangs/rank-states.ts";
import { inEnglish } from "../../core/reasons/english/english.ts";
import { storedReasonColumn, type StoredReason, storedReason } from "../database/values/reason-columns.ts";

/** What an instance's host said last, and where that is. */
export interface PlacedReport extends InstanceReport {
  runId: string | null;
  hostId: string;
  hostName: string;
  storagePool: string;
  /** Until when its host is emptied; null where it is not. */
  drain: Drain | null;
}

export interface ReportedWorkload {
  kind: WorkloadKind;
  workload: LockedWorkload<WorkloadStatus>;
  /** Of all its instances that have a place, in the order of their ranks. */
  reports: readonly PlacedReport[];
  /** "host h-1", "control-plane". */
  actor: string;
  now: Date;
  /** The sentence that stands with it now, where that is known. */
  reported?: string | null;
  /** False where nothing is known to have been skipped on its way. */
  hasSkips?: boolean;
}

/** Answers the hosts whose desired sets changed. The workload is held by the caller. */
export async function settleWorkload(sql: Transaction, reported: ReportedWorkload): Promise<string[]> {
  const { kind, workload, reports, now, hasSkips = true } = reported;
  const transition = rulesOf(kind).afterReports(workload.status, reports);
  const hostIds = await applyTransition(sql, reported, transition);
  if (!hasSkips) return hostIds;
  for (const { state, rank } of reports)
    if (state === "ready")
      await forgetSkips(sql, { kind, id: workload.id, firstRank: rulesOf(kind).firstRank(rank) }, now);
  return hostIds;
}

async function applyTransition(
  sql: Transaction,
  reported: ReportedWorkload,
  transition: Transition<WorkloadStatus>,
): Promise<string[]> {
  const { kind, workload, reports, actor, now } = reported;
  const store = storeOf(kind);
  const [first] = reports;
  const move = { workload, actor, now, hostId: first?.hostId ?? null };
  switch (transition.kind) {
    case "stays":
      return [];
    case "explains": {
      const reason = transition.reason ?? (workload.status === "running" ? warningOf(reports) : null);
      if ((reason && inEnglish(reason)) !== reported.reported)
        await store.explain(sql, { id: workload.id, status: workload.status, reason });
      return [];
    }
    case "becomes": {
      const { status, reason } = transition;
      const cause = {
        by: reports.find(({ stopOrderedBy }) => stopOrderedBy !== null)?.stopOrderedBy ?? null,
        exitCode:
          reports.find(({ exitCode }) => exitCode !== null && exitCode !== 0)?.exitCode ??
          first?.exitCode ??
          null,
      };
      const reported = reason ?? (status === "running" ? warningOf(reports) : null);
      await store.move(sql, [{ ...move, to: status, reason: reported, cause }]);
      // What its rules stop is stopped everywhere; each of its other ends has nothing left that runs.
      if (status !== "stopping") return [];
      const by = { by: "control-plane", actor: "control-plane", now } as const;
      return await stopInstances(
        sql,
        { kind, id: workload.id },
        { ...by, ...(reason !== null && { reason }) },
      );
    }
    case "releases":
      return await releaseGang(sql, { kind, workload, now });
    case "loses": {
      const { status, reason, ranks, since } = transition;
      await loseRanks(sql, { kind, id: workload.id }, { ranks, since, now });
      await store.move(sql, [{ ...move, to: status, reason }]);
      const by = { by: "control-plane", actor: "control-plane", now, reason, cause: "host" } as const;
      return await stopInstances(sql, { kind, id: workload.id }, by);
    }
    case "stalls": {
      const { reason, found } = transition;
      const ends = workload.endsWhenStalled === true;
      await notifyStall(sql, { kind, workload, found, now, ends });
      if (!ends) {
        await store.explain(sql, { id: workload.id, status: workload.status, reason });
        return [];
      }
      await store.move(sql, [
        { ...move, to: rulesOf(kind).stopping(workload.status) ?? workload.status, reason },
      ]);
      const by = { by: "control-plane", actor: "control-plane", now, reason } as const;
      return await stopInstances(sql, { kind, id: workload.id }, by);
    }
    case "goes-on": {
      await notifyStallEnd(sql, { kind, workload, now });
      const reason = transition.reason ?? warningOf(reports);
      await store.explain(sql, { id: workload.id, status: workload.status, reason });
      return [];
    }
    case "fails":
      return await settleFailure(sql, reported, transition.failure);
    case "skips-pool": {
      const missing = reports.find(({ problem }) => problem === "mount-missing") ?? first;
      if (missing === undefined) return [];
      const start = { kind, id: workload.id, firstRank: rulesOf(kind).firstRank(missing.rank) };
      await skipPool(sql, { start, storagePool: missing.storagePool, reason: transition.reason, now });
      return await waitAgain(sql, reported, {
        code: "mount-missing-in-pool",
        params: { storage_pool: missing.storagePool, why: transition.reason },
      });
    }
    case "leaves-card": {
      if (first === undefined) return [];
      const start = { kind, id: workload.id, firstRank: rulesOf(kind).firstRank(first.rank) };
      await skipHostOfCard(sql, { start, hostId: first.hostId, reason: transition.reason, now });
      return await waitAgain(sql, reported, {
        code: "waiting-for-another-gpu",
        params: { why: transition.reason },
      });
    }
    case "places-anew":
      // Its host will never say anything of these runs.
      for (const { isBehind, runId } of reports)
        if (isBehind && runId !== null) await closeRun(sql, runId, now);
      return await waitAgain(sql, reported, rulesOf(kind).waitsAgain);
  }
}

/** All of it is over. It is tried again where that is its kind's way and its owner's wish; else it has failed. */
async function settleFailure(
  sql: Transaction,
  { kind, workload, reports, actor, now }: ReportedWorkload,
  failure: Failure,
): Promise<string[]> {
  const { retry } = workload;
  const failed = reports.filter(({ rank }) => failure.ranks.includes(rank));
  const outcome =
    retry === undefined
      ? {
          to: rulesOf(kind).hopeless(workload.status) ?? workload.status,
          reason: failure.reason,
          next: null,
        }
      : await outcomeOf(sql, retry, { kind, id: workload.id, failure, failed, now });
  // It is looked at again with the next pass.
  if (outcome === "not-told") return [];
  const { to, reason, next } = outcome;
  if (failure.preflight !== undefined)
    await forgetPreflight(sql, reports, { ...failure, ...failure.preflight, now });
  else if (failure.by === "infrastructure") await noteBreak(sql, reports, { ...failure, now });
  if (next?.avoidsHosts === true) {
    const start = { kind, id: workload.id, firstRank: 0 };
    for (const hostId of new Set(failed.map((report) => report.hostId)))
      await skipHost(sql, { start, hostId, reason: failure.reason, now });
  }
  const exitCode = failed.find((report) => report.exitCode !== null)?.exitCode ?? null;
  const cause = { by: failed[0]?.stopOrderedBy ?? null, exitCode };
  const again = next && { tries: next.tries, ...(next.pauseMs > 0 && { limitMs: next.pauseMs }) };
  await storeOf(kind).move(sql, [
    {
      workload,
      actor,
      now,
      hostId: failed[0]?.hostId ?? null,
      to,
      reason,
      cause,
      ...again,
    },
  ]);
  // Of an end by itself nothing runs any more; a gang that was never released is there and holds all that it was given.
  if (next === null && failure.preflight === undefined) return [];
  return await removeInstances(
    sql,
    { kind, id: workload.id },
    {
      by: "control-plane",
      actor: "control-plane",
      now,
      cause: failure.by === "infrastructure" ? "host" : "own",
    },
  );
}

/** Where it matters what the failed runs left, that is waited for. */
async function outcomeOf(
  sql: Transaction,
  retry: RetryState,
  {
    failure,
    failed,
    now,
    ...workload
  }: { kind: WorkloadKind; id: string; failure: Failure; failed: readonly PlacedReport[]; now: Date },
): Promise<AfterFailure | "not-told"> {
  // An order's end is nobody's failure, and what was never released has written nothing.
  const hasLeft = failure.by !== "order" && failure.preflight === undefined;
  const reported = { runIds: failed.flatMap(({ runId }) => (runId === null ? [] : [runId])), now };
  let rule: LogRule | null = null;
  if (hasLeft && retry.logRules.length > 0) {
    const tails = await tailsOfRuns(sql, reported);
    if (tails === null) return "not-told";
    rule = ruleFor(retry.logRules, tails);
  }
  const outcome = afterFailure(failure, retry, { rule });
  if (!hasLeft || outcome.isUsedUp !== true) return outcome;
  const gainedAt = await lastGain(sql, { ...workload, ...reported });
  return gainedAt === null ? "not-told" : afterFailure(failure, retry, { rule, gainedAt });
}

/** Nothing of it ran yet: it waits again, and what other hosts have of it goes. */
async function waitAgain(
  sql: Transaction,
  { kind, workload, reports, actor, now }: ReportedWorkload,
  reason: Reason,
): Promise<string[]> {
  const to = rulesOf(kind).waiting;
  await storeOf(kind).move(sql, [{ workload, actor, now, hostId: reports[0]?.hostId ?? null, to, reason }]);
  if (reports.length <= 1) return [];
  return await removeInstances(
    sql,
    { kind, id: workload.id },
    { by: "control-plane", actor: "control-plane", now, cause: "host" },
  );
}

/** What stands with whatever runs on a host that is being emptied. */
function warningOf(reports: readonly PlacedReport[]): Reason | null {
  const [emptied] = reports.filter(({ drain }) => drain !== null);
  return emptied?.drain == null ? null : drainWarning(emptied.hostName, emptied.drain);
}

interface ReportRow extends WorkloadName {
  rank: number;
  run_id: string | null;
  state: InstanceState;
  problem: InstanceProblem | null;
  detail: StoredReason;
  exit_code: number | null;
  ordered_by: StopActor | null;
  stop_reason: StoredReason;
  is_behind: boolean;
  /** Null where it is of no gang. */
  rankState: RankStateRow | null;
  /** Null where nothing keeps it from going on. */
  progress: ProgressRow | null;
  host_id: string;
  host_name: string;
  storage_pool: string;
  drain_deadline_at: Date | null;
  drain_reason: string | null;
  /** Null while it is not over. */
  card_fault: CardFault | null;
}

/**
 * As they stand in the database: the current placement of each instance, by the key of its workload's name. That it is
 * removed once it is over is no stop.
 */
export async function reportsOf(
  sql: Connection,
  workloads: readonly WorkloadName[],
  now: Date,
): Promise<Map<string, PlacedReport[]>> {
  const { rows } = await sql.query<ReportRow>(
    `SELECT asked.kind, asked.id, i.rank, p.run_id, p.state, p.problem, ${storedReasonColumn("p", "detail")} AS detail, p.exit_code,
            CASE WHEN p.state IN ('stopped', 'failed', 'lost') THEN p.ended_by ELSE p.ordered_by END AS ordered_by,
            ${storedReasonColumn("p", "stop_reason")} AS stop_reason,
            i.known_epoch > p.epoch AND p.state = 'failed' AS is_behind, ${RANK_STATE} AS "rankState", ${PROGRESS} AS progress, h.id AS host_id, h.name AS host_name,
            coalesce(h.storage_pool, h.id) AS storage_pool, d.deadline_at AS drain_deadline_at, d.reason AS drain_reason,
            CASE WHEN p.state IN ('stopped', 'failed') THEN ${FAULT_AT_END} END AS card_fault
       FROM unnest($1::text[], $2::text[]) AS asked(kind, id)
       JOIN instances i ON i.workload_kind = asked.kind AND i.workload_id = asked.id
       JOIN placements p ON p.instance_id = i.id AND p.epoch = i.current_epoch
       JOIN hosts h ON h.id = p.host_id LEFT JOIN host_drains d ON d.host_id = h.id
      ORDER BY i.rank`,
    [workloads.map(({ kind }) => kind), workloads.map(({ id }) => id)],
  );
  const ofEach = Map.groupBy(rows, nameKey);
  return new Map([...ofEach].map(([key, found]) => [key, found.map((row) => reportOf(row, now))]));
}

function reportOf(row: ReportRow, now: Date): PlacedReport {
  return {
    rank: row.rank,
    runId: row.run_id,
    state: row.state,
    problem: row.problem,
    detail: row.detail.text === "" ? null : storedReason(row.detail),
    exitCode: row.exit_code,
    stopOrderedBy: row.ordered_by,
    stopReason: storedReason(row.stop_reason),
    isBehind: row.is_behind,
    hostId: row.host_id,
    hostName: row.host_name,
    storagePool: row.storage_pool,
    drain: row.drain_deadline_at && { deadline: row.drain_deadline_at, reason: row.drain_reason },
    ...(row.rankState !== null && { gang: rankState(row.rankState, row, now) }),
    ...(row.progress !== null && { progress: progressOf(row.progress, row, now) }),
    ...(row.card_fault !== null && { cardFault: row.card_fault }),
  };
}
