/**
 * Accounts at a full hour: which have to be suspended and what that does. A suspension orders every open run to
 * stop, waives its later time and raises the generation of its hosts, all in one transaction.
 */
import { formatPoints, parsePoints } from "@remotegpu/shared/money";
import type { EnvironmentStatus } from "@remotegpu/shared/workload";
import { fundsOf, isDueForSuspension } from "../../core/accounts/account-state.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { type EnvironmentRow, lockEnvironments } from "../environments/environments.ts";
import { moveEnvironment } from "../environments/environment-moves.ts";
import { appendEvent } from "../events/events.ts";
import { raiseGeneration } from "../hosts/hosts.ts";
import { changeAccountStatus, lockAccount } from "../billing/ledger/ledger.ts";
import { waiveRun } from "../billing/runs/runs.ts";

const STOPPABLE: readonly EnvironmentStatus[] = ["creating", "running", "restarting"];
const SUSPENDED_SENTENCE =
  "The account is suspended: its balance is used up. A top-up makes it normal again.";

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
  // Environments, runs, accounts: the order in which whoever starts or stops something holds them, too.
  const environments = await lockEnvironmentsOf(sql, customerId);
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
  const stop = { customerId, environments, at: hour, now };
  return { suspended: true, hostIds: await stopOpenRuns(sql, stop) };
}

/** Those in which something runs that this customer pays for. */
async function lockEnvironmentsOf(
  sql: Transaction,
  customerId: number,
): Promise<Map<string, EnvironmentRow>> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT DISTINCT resource_id AS id FROM runs
      WHERE customer_id = $1 AND closed_at IS NULL AND resource_type = 'environment'`,
    [customerId],
  );
  return await lockEnvironments(
    sql,
    rows.map(({ id }) => id),
  );
}

interface OpenRun {
  readonly id: string;
  readonly instance_id: string;
  readonly epoch: number;
  readonly host_id: string;
  readonly resource_type: "environment" | "training" | "inference";
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
  readonly environments: ReadonlyMap<string, EnvironmentRow>;
  readonly at: Date;
  readonly now: Date;
}

async function stopOpenRuns(
  sql: Transaction,
  { customerId, environments, at, now }: SuspensionStop,
): Promise<string[]> {
  const runs = await lockOpenRuns(sql, customerId);
  const runIds = runs.map((run) => run.id);
  for (const runId of runIds) await waiveRun(sql, { runId, from: at, reason: "account suspended" });
  const { rows } = await sql.query<{ run_id: string }>(
    `UPDATE placements SET want = 'stopped', ordered_by = 'account'
      WHERE run_id = ANY($1::text[]) AND want = 'running' RETURNING run_id`,
    [runIds],
  );
  const ordered = new Set(rows.map((row) => row.run_id));
  const stopped = runs.filter((run) => ordered.has(run.id));
  for (const run of stopped) await appendStopOrder(sql, run, { customerId, at });
  for (const run of stopped) {
    const environment = environments.get(run.resource_id);
    if (run.resource_type !== "environment") await explainStop(sql, run);
    else if (environment !== undefined) await showStopping(sql, { run, environment, now });
  }
  const hostIds = [...new Set(stopped.map((run) => run.host_id))].sort();
  for (const hostId of hostIds) await raiseGeneration(sql, hostId);
  return hostIds;
}

/** Its status follows at once, so that nobody sees "running" with a stop order out. */
async function showStopping(
  sql: Transaction,
  { run, environment, now }: { run: OpenRun; environment: EnvironmentRow; now: Date },
): Promise<void> {
  if (!STOPPABLE.includes(environment.status)) return;
  await moveEnvironment(sql, {
    environment,
    to: "stopping",
    reason: SUSPENDED_SENTENCE,
    actor: "account",
    now,
    hostId: run.host_id,
  });
}

/** What its job or service says meanwhile; the status is its own loop's to change, once its hosts have answered. */
async function explainStop(sql: Transaction, run: OpenRun): Promise<void> {
  const table = run.resource_type === "training" ? "training_jobs" : "inference_services";
  await sql.query(
    `UPDATE ${table} SET status_reason = $2 WHERE id = $1 AND status_reason IS DISTINCT FROM $2`,
    [run.resource_id, SUSPENDED_SENTENCE],
  );
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
    reason: SUSPENDED_SENTENCE,
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
  await sql.query("UPDATE customers SET credit_limit = $2 WHERE id = $1", [customerId, formatPoints(limit)]);
  if (fundsOf({ ...account, creditLimit: limit }) > 0n)
    await changeAccountStatus(sql, account, { to: "normal", at });
  return true;
}
