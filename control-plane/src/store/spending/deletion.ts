/**
 * An administrator's decision to delete the data of a customer who has owed for 60 days: environments and entries of
 * datasets and models go, in one transaction, and their folders are listed for removal. Files are on hosts and stay
 * there until somebody removes them.
 */
import { AT_RISK_DAY, atRiskFromMs } from "../../core/alerts/data-at-risk.ts";
import { type DataKind, deleteData } from "../accounts/catalogue.ts";
import { lockAccount } from "../billing/ledger/ledger.ts";
import { lockOpenRunsOf } from "../billing/runs/runs.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { deleteEnvironment } from "../orders/environment-orders.ts";
import { lockEnvironments } from "../environments/environments.ts";
import { ownedWorkloads } from "../orders/checks/workloads-of-payers.ts";
import { appendEvent } from "../events/events.ts";
import { type DataFolder, listForRemoval, workloadFolders } from "./folders.ts";
import { toldDay } from "../billing/ledger/risk-records.ts";

interface DeletedData {
  readonly environments: readonly string[];
  readonly datasets: readonly number[];
  readonly models: readonly number[];
  /** What a workload mounts that is not this customer's, or that its host has not confirmed to be gone. */
  readonly kept: readonly { kind: DataKind; id: number; mountedBy: string }[];
  /** Whose desired sets changed. */
  readonly hostIds: readonly string[];
}

export type DataDeletion = ({ done: true } & DeletedData) | { done: false; reason: "not-at-risk" };

interface Decision {
  readonly customerId: number;
  /** "admin 1". */
  readonly actor: string;
  readonly now: Date;
}

/** May be called again: what was kept goes once nothing mounts it. */
export async function deleteCustomerData(sql: Transaction, decision: Decision): Promise<DataDeletion> {
  const { customerId, actor, now } = decision;
  const environmentIds = await workloadsPaidBy(sql, "environments", customerId);
  const jobIds = await workloadsPaidBy(sql, "training_jobs", customerId);
  // Environments, runs, accounts: the order of locks everywhere.
  const environments = await lockEnvironments(sql, environmentIds);
  const owned = environmentIds.map((id) => ({ kind: "environment" as const, id }));
  await lockOpenRunsOf(
    sql,
    owned.map((workload) => ({ ...workload, firstRank: 0 })),
  );
  if (!(await isAtRisk(sql, decision))) return { done: false, reason: "not-at-risk" };

  const folders = await workloadFolders(sql, [
    ...owned,
    ...jobIds.map((id) => ({ kind: "training" as const, id })),
  ]);
  const hostIds = new Set<string>();
  for (const environment of environments.values()) {
    const deleted = await deleteEnvironment(sql, environment, { by: "admin", actor, now });
    if (deleted.done) for (const hostId of deleted.hostIds) hostIds.add(hostId);
  }
  const datasets = await deleteEntries(sql, "dataset", customerId);
  const models = await deleteEntries(sql, "model", customerId);
  const removed = [...folders, ...datasets.folders, ...models.folders];
  await listForRemoval(sql, { customerId, folders: removed, by: actor, at: now });
  await appendEvent(sql, {
    at: now,
    kind: "data-deletion-ordered",
    customerId,
    actor,
    reason: `Overdue for ${AT_RISK_DAY} days or more: ${environments.size} environments, ${datasets.ids.length} datasets and ${models.ids.length} models are deleted; ${removed.length} folders are to be removed from their storage pools.`,
  });
  return {
    done: true,
    environments: [...environments.keys()],
    datasets: datasets.ids,
    models: models.ids,
    kept: [...datasets.kept, ...models.kept],
    hostIds: [...hostIds],
  };
}

/** The time has passed, and it was told. Holds the account: a payment that comes now comes too late. */
async function isAtRisk(sql: Transaction, { customerId, now }: Decision): Promise<boolean> {
  const account = await lockAccount(sql, customerId);
  if (account === null || account.status === "normal" || account.overdueSince === null) return false;
  const { overdueSince } = account;
  if (atRiskFromMs(overdueSince.getTime()) > now.getTime()) return false;
  return (await toldDay(sql, { customerId, overdueSince })) === AT_RISK_DAY;
}

/** What this customer pays for; what they have in other people's workspaces is paid for there, and stays. */
async function workloadsPaidBy(
  sql: Connection,
  table: "environments" | "training_jobs",
  customerId: number,
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT id FROM (${ownedWorkloads(table, ["id"])}) owned ORDER BY id`,
    [[customerId], []],
  );
  return rows.map(({ id }) => id);
}

interface DeletedEntries {
  ids: number[];
  kept: { kind: DataKind; id: number; mountedBy: string }[];
  folders: DataFolder[];
}

/** The customer's own, but for those that they brought into other people's workspaces. */
async function deleteEntries(sql: Transaction, kind: DataKind, customerId: number): Promise<DeletedEntries> {
  const { rows } = await sql.query<{ id: number; storage_path: string | null }>(
    `SELECT d.id, d.storage_path FROM ${kind}s d
      WHERE d.customer_id = $1
        AND NOT EXISTS (SELECT FROM workspaces w WHERE w.id = d.workspace_id AND w.owner_id <> $1)
      ORDER BY d.id`,
    [customerId],
  );
  const entries: DeletedEntries = { ids: [], kept: [], folders: [] };
  for (const { id, storage_path: folder } of rows) {
    const deletion = await deleteData(sql, kind, id);
    if (!deletion.deleted) {
      entries.kept.push({ kind, id, mountedBy: deletion.mountedBy });
      continue;
    }
    entries.ids.push(id);
    if (folder !== null)
      entries.folders.push({ resource_type: kind, resource_id: String(id), storage_pool: null, folder });
  }
  return entries;
}
