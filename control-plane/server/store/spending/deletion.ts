/**
 * An administrator's decision to delete the data of a customer who has owed for 60 days: in one transaction, workloads
 * are ended as their kinds say, entries of datasets and models go, and folders are listed for removal. Files are on hosts
 * and stay there until somebody removes them.
 */
import type { WorkloadKind } from "@remotegpu/shared/values/workload";
import { AT_RISK_DAY, atRiskFromMs } from "../../core/alerts/data-at-risk.ts";
import { isMounted } from "../../core/data/upload-plan.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { type DataKind, deleteData } from "../accounts/catalogue.ts";
import { lockAccount } from "../billing/ledger/ledger.ts";
import { notifiedDay } from "../billing/ledger/risk-records.ts";
import { lockOpenRunsIn } from "../billing/runs/runs.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvent } from "../events/events.ts";
import { ownedWorkloads } from "../orders/checks/workloads-of-payers.ts";
import type { OrderOutcome } from "../orders/environment-orders.ts";
import type { OrderContext } from "../orders/workload-stops.ts";
import { KINDS_IN_LOCK_ORDER, storeOf } from "../workloads/kinds.ts";
import { copiesOf } from "./data/copies.ts";
import { type DataFolder, listForRemoval, workloadFolders } from "./data/folders.ts";

interface DeletedData {
  /** Those of which nothing begins again from now on. */
  readonly workloads: readonly WorkloadName[];
  readonly datasets: readonly number[];
  readonly models: readonly number[];
  /** What a workload mounts that is not this customer's, or that its host has not confirmed to be gone. */
  readonly stored: readonly { kind: DataKind; id: number; mountedBy: string }[];
  /** Whose desired sets changed. */
  readonly hostIds: readonly string[];
}

export type DataDeletion = ({ done: true } & DeletedData) | { done: false; reason: "not-at-risk" };

/** Ends one workload for good; null where it is there no more. */
type Ending = (sql: Transaction, id: string, context: OrderContext) => Promise<OrderOutcome | null>;

interface Decision {
  readonly customerId: number;
  /** "admin 1". */
  readonly actor: string;
  readonly now: Date;
  /** Of the kinds of which anything can be ordered. */
  readonly endings: ReadonlyMap<WorkloadKind, Ending>;
}

/** May be called again: what was kept goes once nothing mounts it. */
export async function deleteCustomerData(sql: Transaction, decision: Decision): Promise<DataDeletion> {
  const { customerId, actor, now } = decision;
  const paid = await workloadsPaidBy(sql, customerId);
  // Workloads, runs, accounts: the order of locks everywhere.
  const open = paid.filter(({ isOver }) => !isOver);
  for (const { kind, id } of open) await storeOf(kind).lock(sql, id);
  await lockOpenRunsIn(sql, open);
  if (!(await isAtRisk(sql, decision))) return { done: false, reason: "not-at-risk" };

  const folders = await workloadFolders(sql, paid);
  const ended = await end(sql, open, decision);
  const datasets = await deleteEntries(sql, "dataset", customerId);
  const models = await deleteEntries(sql, "model", customerId);
  const removed = [...folders, ...datasets.folders, ...models.folders];
  await listForRemoval(sql, { customerId, folders: removed, by: actor, at: now });
  await appendEvent(sql, {
    at: now,
    kind: "data-deletion-ordered",
    customerId,
    actor,
    reason: {
      code: "account-data-deletion",
      params: {
        days: AT_RISK_DAY,
        workloads: ended.workloads.length,
        datasets: datasets.ids.length,
        models: models.ids.length,
        folders: removed.length,
      },
    },
  });
  return {
    done: true,
    ...ended,
    datasets: datasets.ids,
    models: models.ids,
    stored: [...datasets.stored, ...models.stored],
  };
}

/** One that is being stopped, or was over by the time it was held, goes on as it is. */
async function end(
  sql: Transaction,
  open: readonly WorkloadName[],
  { actor, now, endings }: Decision,
): Promise<{ workloads: WorkloadName[]; hostIds: string[] }> {
  const context: OrderContext = { by: "admin", actor, now };
  const workloads: WorkloadName[] = [];
  const hostIds = new Set<string>();
  for (const { kind, id } of open) {
    const outcome = await endings.get(kind)?.(sql, id, context);
    if (outcome?.done !== true) continue;
    workloads.push({ kind, id });
    for (const hostId of outcome.hostIds) hostIds.add(hostId);
  }
  return { workloads, hostIds: [...hostIds] };
}

/** The time has passed, and it was told. Holds the account: a payment that comes now comes too late. */
async function isAtRisk(sql: Transaction, { customerId, now }: Decision): Promise<boolean> {
  const account = await lockAccount(sql, customerId);
  if (account === null || account.status === "normal" || account.overdueSince === null) return false;
  const { overdueSince } = account;
  if (atRiskFromMs(overdueSince.getTime()) > now.getTime()) return false;
  return (await notifiedDay(sql, { customerId, overdueSince })) === AT_RISK_DAY;
}

const PAID_WORKLOADS = ownedWorkloads("workloads", ["kind", "id", "is_over"]);

/**
 * What this customer pays for, in the order in which it is locked; what they have in other people's workspaces is paid
 * for there, and stays.
 */
async function workloadsPaidBy(
  sql: Connection,
  customerId: number,
): Promise<(WorkloadName & { isOver: boolean })[]> {
  const { rows } = await sql.query<WorkloadName & { isOver: boolean }>(
    `SELECT kind, id, is_over AS "isOver" FROM (${PAID_WORKLOADS}) paid ORDER BY array_position($3::text[], kind), id`,
    [[customerId], [], KINDS_IN_LOCK_ORDER],
  );
  return rows;
}

interface DeletedEntries {
  ids: number[];
  stored: { kind: DataKind; id: number; mountedBy: string }[];
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
  const entries: DeletedEntries = { ids: [], stored: [], folders: [] };
  for (const { id, storage_path: folder } of rows) {
    const brought = await copiesOf(sql, kind, id);
    const deletion = await deleteData(sql, kind, id);
    if (!deletion.deleted) {
      entries.stored.push({ kind, id, mountedBy: deletion.mountedBy });
      continue;
    }
    entries.ids.push(id);
    for (const { storagePool, folder: ofCopy } of brought)
      entries.folders.push({
        resource_type: kind,
        resource_id: String(id),
        storage_pool: storagePool,
        folder: ofCopy,
      });
    // It lies within one of these.
    if (brought.some((copy) => isMounted(copy, folder ?? ""))) continue;
    if (folder !== null)
      entries.folders.push({ resource_type: kind, resource_id: String(id), storage_pool: null, folder });
  }
  return entries;
}
