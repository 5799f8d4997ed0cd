/**
 * What becomes of gangs beyond what becomes of any job: their release, the ranks that are lost to them, preflights that
 * failed, and who is to get time credited because another rank's host broke.
 */
import { MS_PER_DAY, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import type { Failure, InstanceReport, LostSince } from "../../../core/instances/instance-report.ts";
import type { HostPair } from "../../../core/placement/fleet/fleet.ts";
import type { WorkloadStatus } from "../../../core/workloads/kinds.ts";
import type { LockedWorkload } from "../../../core/workloads/workload-move.ts";
import type { WorkloadName } from "../../../core/workloads/workload-name.ts";
import { lockRuns, waiveRun } from "../../billing/runs/runs.ts";
import type { Transaction } from "../../database/database.ts";
import { reasonColumns } from "../../database/values/reason-columns.ts";
import { appendEvent } from "../../events/events.ts";
import { raiseGenerations } from "../../hosts/hosts.ts";
import { skipPairs } from "../../workloads/place-skips.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** A clock may be wrong by hours: what is to be free from its first moment on begins well before its order. */
const BEFORE_ANY_CLOCK_MS = MS_PER_DAY;
/** A cable is not mended at once, and others have the same hosts to choose from. */
const PAIR_SKIP_MS = 60 * MS_PER_MINUTE;

interface Reported extends InstanceReport {
  runId: string | null;
}

/** All that is to run of it may begin, which is told until each has. Answers the hosts whose desired sets changed. */
export async function releaseGang(
  sql: Transaction,
  {
    kind,
    workload,
    now,
  }: { kind: WorkloadName["kind"]; workload: LockedWorkload<WorkloadStatus>; now: Date },
): Promise<string[]> {
  const { rows } = await sql.change<{ host_id: string }>(
    `UPDATE placements p SET released_at = $3, live = p.live || '{"released": true}'
       FROM instances i WHERE i.id = p.instance_id AND i.current_epoch = p.epoch AND i.workload_kind = $1
        AND i.workload_id = $2 AND p.want = 'running' AND p.released_at IS NULL AND p.resources_released_at IS NULL
      RETURNING p.host_id`,
    [kind, workload.id, now],
  );
  const hostIds = [...new Set(rows.map(({ host_id }) => host_id))];
  if (hostIds.length === 0) return [];
  await appendEvent(sql, {
    at: now,
    kind: "gang-released",
    workloadKind: kind,
    workloadId: workload.id,
    customerId: workload.customerId,
    actor: "control-plane",
    old: null,
    new: "released",
    reason: { code: "preflight-passed", params: { ranks: rows.length } },
  });
  return [...(await raiseGenerations(sql, hostIds)).keys()];
}

/**
 * Nothing good is known of them since their hosts were heard last, since their release where they never began, or since
 * they were frozen.
 */
export async function loseRanks(
  sql: Transaction,
  { kind, id }: WorkloadName,
  { ranks, since, now }: { ranks: readonly number[]; since: LostSince; now: Date },
): Promise<void> {
  await sql.change(
    `UPDATE placements p SET lost_since = least($4, CASE $5 WHEN 'released' THEN p.released_at
              WHEN 'frozen' THEN p.frozen_since ELSE h.last_heartbeat END)
       FROM instances i, hosts h
      WHERE i.id = p.instance_id AND i.current_epoch = p.epoch AND h.id = p.host_id AND i.workload_kind = $1
        AND i.workload_id = $2 AND i.rank = ANY($3::int[]) AND p.lost_since IS NULL`,
    [kind, id, ranks, now, since],
  );
}

/** It was held and no more, so nothing of it costs anything; hosts that do not reach each other are kept apart. */
export async function forgetPreflight(
  sql: Transaction,
  reports: readonly Reported[],
  { pairs, reason, now }: { pairs: readonly HostPair[]; reason: Reason; now: Date },
): Promise<void> {
  const runs = await lockRuns(sql, runIdsOf(reports));
  for (const { id, orderedAt } of runs.values())
    await waiveRun(sql, {
      runId: id,
      from: new Date(orderedAt.getTime() - BEFORE_ANY_CLOCK_MS),
      reason: "host-stop: its preflight failed",
    });
  await skipPairs(sql, { pairs, reason, now, until: new Date(now.getTime() + PAIR_SKIP_MS) });
}

/** From the moment when one rank broke all of them are of no use: what that means for their bills is decided later. */
export async function noteBreak(
  sql: Transaction,
  reports: readonly Reported[],
  { reason, ranks, now }: Pick<Failure, "reason" | "ranks"> & { now: Date },
): Promise<void> {
  const gang = reports.filter((report) => report.gang !== undefined);
  const broken = gang.filter(({ rank }) => ranks.includes(rank));
  const { text, code, params } = reasonColumns(reason);
  await sql.change(
    `INSERT INTO gang_breaks (run_id, broken_by, since, sentence, noticed_at, has_card_fault, sentence_code,
            sentence_params)
     SELECT r.id, b.id, coalesce(p.lost_since, p.state_changed_at, $4), $3, $4, b.id = ANY($5::text[]), $6, $7::jsonb
       FROM unnest($1::text[]) AS r(id), unnest($2::text[]) AS b(id) JOIN placements p ON p.run_id = b.id
      WHERE p.released_at IS NOT NULL
     ON CONFLICT DO NOTHING`,
    [runIdsOf(gang), runIdsOf(broken), text, now, runIdsOf(broken.filter(hasCardFault)), code, params],
  );
}

function hasCardFault({ cardFault }: Reported): boolean {
  return cardFault !== undefined;
}

function runIdsOf(reports: readonly Reported[]): string[] {
  return reports.flatMap(({ runId }) => runId ?? []);
}
