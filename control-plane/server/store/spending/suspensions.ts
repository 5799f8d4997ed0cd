/**
 * Accounts at a full hour: which have to be suspended and what that does. A suspension orders every open run to
 * stop, waives its later time and raises the generation of its hosts, all in one transaction.
 */
import { formatPoints, parsePoints } from "@remotegpu/shared/values/money";
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { fundsOf, isDueForSuspension } from "../../core/accounts/account-state.ts";
import { MAX_SUSPENSION_GRACE_SECONDS } from "../../core/billing/stop-waiver.ts";
import { rulesOf, type WorkloadStatus } from "../../core/workloads/kinds.ts";
import { nameKey, type WorkloadName } from "../../core/workloads/workload-name.ts";
import type { LockedWorkload } from "../../core/workloads/workload-move.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../workloads/kinds.ts";
import { appendEvent } from "../events/events.ts";
import { raiseGeneration } from "../hosts/hosts.ts";
import { changeAccountStatus, lockAccount } from "../billing/ledger/ledger.ts";
import { waiveRun } from "../billing/runs/runs.ts";
import type { Reason } from "../../core/reasons/reason.ts";

const SUSPENDED: Reason = { code: "account-suspended-and-stopped", params: {} };

/** Customers whose state may change at this hour, in the order of their ids. */
export async function accountsToSettle(sql: Connection, hour: Date): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT id FROM customers
      WHERE overdue_status <> 'normal' AND balance + credit_limit > 0
         OR overdue_status = 'overdue' AND overdue_since < $1
      ORDER BY id`,
    [hour],
  );
  return rows.map((row) => row.id);
}

export interface Settled {
  readonly suspended: boolean;
  /** Hosts whose desired set changed: nudge them. */
  readonly hostIds: string[];
}

/** Suspends what is due at this (nominal) hour; makes normal what has funds again (a raised credit limit). */
export async function settleAccount(
  sql: Transaction,
  { customerId, hour, now }: { customerId: number; hour: Date; now: Date },
): Promise<Settled> {
  // Workloads, runs, accounts: the order in which whoever starts or stops something holds them, too.
  const workloads = await lockWorkloadsOf(sql, customerId);
  await lockOpenRuns(sql, customerId);
  const account = await lockAccount(sql, customerId);
  if (account === null) return { suspended: false, hostIds: [] };
  if (fundsOf(account) > 0n) {
    await changeAccountStatus(sql, account, { to: "normal", at: hour });
    return { suspended: false, hostIds: [] };
  }
  const overdueSinceMs = account.overdueSince?.getTime() ?? null;
  if (!isDueForSuspension({ ...account, overdueSinceMs }, hour.getTime()))
    return { suspended: false, hostIds: [] };
  await changeAccountStatus(sql, account, { to: "suspended", at: hour });
  const stop = { customerId, workloads, at: hour, now };
  return { suspended: true, hostIds: await stopOpenRuns(sql, stop) };
}

/** Those in which something runs that this customer pays for, by the keys of their names. */
async function lockWorkloadsOf(
  sql: Transaction,
  customerId: number,
): Promise<Map<string, LockedWorkload<WorkloadStatus>>> {
  const { rows } = await sql.query<WorkloadName>(
    `SELECT DISTINCT resource_type AS kind, resource_id AS id FROM runs
      WHERE customer_id = $1 AND closed_at IS NULL ORDER BY resource_id`,
    [customerId],
  );
  const locked = new Map<string, LockedWorkload<WorkloadStatus>>();
  for (const kind of KINDS_IN_LOCK_ORDER)
    for (const { id } of rows.filter((row) => row.kind === kind)) {
      const workload = await storeOf(kind).lock(sql, id);
      if (workload !== null) locked.set(nameKey({ kind, id }), workload);
    }
  return locked;
}

interface OpenRun {
  readonly id: string;
  readonly instance_id: string;
  readonly epoch: number;
  readonly host_id: string;
  readonly resource_type: WorkloadKind;
  readonly resource_id: string;
}

/** Runs first, then the balance, as every charge does. A run placed meanwhile waits for the balance. */
async function lockOpenRuns(sql: Transaction, customerId: number): Promise<OpenRun[]> {
  const { rows } = await sql.query<OpenRun>(
    `SELECT id, instance_id, epoch, host_id, resource_type, resource_id FROM runs
      WHERE customer_id = $1 AND closed_at IS NULL ORDER BY id FOR NO KEY UPDATE`,
    [customerId],
  );
  return rows;
}

interface SuspensionStop {
  readonly customerId: number;
  /** Locked. One whose run was opened since is not among them: its host's report says that it has stopped. */
  readonly workloads: ReadonlyMap<string, LockedWorkload<WorkloadStatus>>;
  readonly at: Date;
  readonly now: Date;
}

async function stopOpenRuns(
  sql: Transaction,
  { customerId, workloads, at, now }: SuspensionStop,
): Promise<string[]> {
  const runs = await lockOpenRuns(sql, customerId);
  const runIds = runs.map((run) => run.id);
  for (const runId of runIds)
    await waiveRun(sql, { runId, from: at, reason: "suspension: account suspended" });
  const { rows } = await sql.change<{ run_id: string }>(
    `UPDATE placements SET want = 'stopped', ordered_by = 'account'
      WHERE run_id = ANY($1::text[]) AND want = 'running' RETURNING run_id`,
    [runIds],
  );
  // Also of what was told to end before: nothing of its grace is paid for any more.
  const { rows: shortened } = await sql.change<{ host_id: string }>(
    `UPDATE placements SET live = jsonb_set(live, '{stopGraceSeconds}', to_jsonb(${MAX_SUSPENSION_GRACE_SECONDS}))
      WHERE run_id = ANY($1::text[]) AND resources_released_at IS NULL
        AND (live ->> 'stopGraceSeconds')::int > ${MAX_SUSPENSION_GRACE_SECONDS} RETURNING host_id`,
    [runIds],
  );
  const ordered = new Set(rows.map((row) => row.run_id));
  const stopped = runs.filter((run) => ordered.has(run.id));
  for (const run of stopped) await appendStopOrder(sql, run, { customerId, at });
  const visible = new Map(
    stopped.map((run) => [nameKey({ kind: run.resource_type, id: run.resource_id }), run]),
  );
  for (const [key, run] of visible) {
    const workload = workloads.get(key);
    if (workload !== undefined) await showStopping(sql, { run, workload, now });
  }
  const hostIds = [...new Set([...stopped, ...shortened].map(({ host_id: hostId }) => hostId))].sort();
  for (const hostId of hostIds) await raiseGeneration(sql, hostId);
  return hostIds;
}

/** Its status follows at once, so that nobody sees "running" with a stop order out. */
async function showStopping(
  sql: Transaction,
  { run, workload, now }: { run: OpenRun; workload: LockedWorkload<WorkloadStatus>; now: Date },
): Promise<void> {
  const to = rulesOf(run.resource_type).stopping(workload.status);
  if (to === null) return;
  await storeOf(run.resource_type).move(sql, [
    { workload, to, reason: SUSPENDED, actor: "account", now, hostId: run.host_id },
  ]);
}

async function appendStopOrder(
  sql: Transaction,
  run: OpenRun,
  { customerId, at }: { customerId: number; at: Date },
): Promise<void> {
  await appendEvent(sql, {
    at,
    kind: "stop-ordered",
    workloadKind: run.resource_type,
    workloadId: run.resource_id,
    instanceId: run.instance_id,
    hostId: run.host_id,
    customerId,
    actor: "account",
    new: run.id,
    reason: SUSPENDED,
  });
}

/** Sets how far below zero the account may go, and the state that follows from it. */
export async function setCreditLimit(
  sql: Transaction,
  { customerId, creditLimit, at }: { customerId: number; creditLimit: string; at: Date },
): Promise<boolean> {
  const account = await lockAccount(sql, customerId);
  if (account === null) return false;
  const limit = parsePoints(creditLimit);
  await sql.change("UPDATE customers SET credit_limit = $2 WHERE id = $1", [customerId, formatPoints(limit)]);
  if (fundsOf({ ...account, creditLimit: limit }) > 0n)
    await changeAccountStatus(sql, account, { to: "normal", at });
  return true;
}
