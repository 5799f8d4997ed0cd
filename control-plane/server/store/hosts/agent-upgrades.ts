/**
 * What came of the upgrades of hosts' agents, as hosts report it: each attempt is noted once and is an event of its host. A host
 * that reports ever new attempts fills no table: beyond a day's bound they are left out.
 */
import type { UpgradeResult } from "@remotegpu/shared/messages/upgrade-report";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { attemptKey, reportedUpgradeReason } from "../../core/hosts/upgrades/host-upgrade.ts";
import type { RowRange } from "../../core/metrics/row-range.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { reasonColumns } from "../database/values/reason-columns.ts";
import { appendEvent } from "../events/events.ts";

/** No host is upgraded more often. */
const MAX_RESULTS_A_DAY = 50;

/** The kind of an event that tells what came of an attempt. */
const UPGRADE_EVENT = "agent-upgrade";

/** @param before the one that the host reported before, which is noted */
export async function noteUpgradeResult(
  sql: Transaction,
  {
    hostId,
    last = null,
    before,
    now,
  }: { hostId: string; last: UpgradeResult | null | undefined; before: UpgradeResult | null; now: Date },
): Promise<void> {
  if (last === null || (before !== null && attemptKey(before) === attemptKey(last))) return;
  const reason = reportedUpgradeReason(last);
  const { text, code, params } = reasonColumns(reason);
  const noted = await sql.change(
    `INSERT INTO agent_upgrade_results (host_id, attempt, from_version, to_version, result, reason, reason_code, reason_params, reported_at)
     SELECT $1::varchar, $2::varchar, $3, $4, $5, $6, $7, $8::jsonb, $9::timestamptz
      WHERE (SELECT count(*) FROM agent_upgrade_results r WHERE r.host_id = $1::varchar AND r.reported_at > $10) < $11
     ON CONFLICT (host_id, attempt) DO NOTHING`,
    [
      hostId,
      attemptKey(last),
      last.from,
      last.to,
      last.result,
      text,
      code,
      params,
      now,
      new Date(now.getTime() - MS_PER_DAY),
      MAX_RESULTS_A_DAY,
    ],
  );
  if (noted.rowCount !== 1) return;
  const change = { old: last.from, new: last.to };
  await appendEvent(sql, {
    at: now,
    hostId,
    actor: `host ${hostId}`,
    kind: `${UPGRADE_EVENT}-${last.result}`,
    ...change,
    reason,
  });
}

/** How many attempts among these rows ended so. */
export async function upgradeResults(
  sql: Connection,
  { after, upTo }: RowRange,
): Promise<{ value: string; sum: number }[]> {
  const { rows } = await sql.query<{ value: string; sum: number }>(
    "SELECT result AS value, count(*)::float8 AS sum FROM agent_upgrade_results WHERE id > $1 AND id <= $2 GROUP BY 1",
    [after, upTo],
  );
  return rows;
}
