/**
 * The control plane's side of the hourly samples of storage pools: which host measures, which folders, and what of its
 * answer is taken. Hosts name neither a pool nor a folder; an owner that has nothing in the host's pool is passed over.
 */
import type { HostId } from "@remotegpu/shared/values/ids";
import type { Refusal } from "@remotegpu/shared/messages/protocol";
import type {
  StorageReply,
  StorageReport,
  StorageRequest,
} from "@remotegpu/shared/messages/storage-sampling";
import { MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { fullHour } from "../../store/billing/ledger/hour-ticks.ts";
import { type FolderCursor, poolFolders } from "../../store/billing/storage/pool-folders.ts";
import {
  claimHour,
  holdsHour,
  poolOfSampler,
  samplerOf,
  takePart,
} from "../../store/billing/storage/pool-hours.ts";

/** Should the host that samples go away, another of its pool is there soon enough for the hour. */
const OTHERS_AGAIN_MS = 15 * MS_PER_MINUTE;
/** It asks before its first heartbeat was taken. */
const UNHEARD_AGAIN_MS = 30 * MS_PER_SECOND;

export interface StorageSamplingDeps {
  readonly db: Database;
  readonly now: () => Date;
}

const refused = (reason: string): Refusal => ({ kind: "refused", reason });

export async function answerStorage(
  deps: StorageSamplingDeps,
  hostId: HostId,
  request: StorageRequest,
): Promise<StorageReply | Refusal> {
  const now = deps.now();
  switch (request.kind) {
    case "storage-report":
      return await takeReport(deps.db, hostId, request, now);
    case "storage-question":
      return request.after === null
        ? await beginOrder(deps.db, hostId, now)
        : await furtherPage(deps.db, hostId, { after: request.after, now });
  }
}

async function beginOrder(db: Database, hostId: HostId, now: Date): Promise<StorageReply | Refusal> {
  const pool = await poolOfSampler(db, { hostId, now });
  if (pool === null) return refused("this host is not known here, or was revoked");
  const sampler = await samplerOf(db, { pool, now });
  if (sampler === null) return rest("no host of this storage pool is heard yet", UNHEARD_AGAIN_MS, now);
  if (sampler !== hostId) return rest(`host ${sampler} samples this storage pool`, OTHERS_AGAIN_MS, now);
  const hour = fullHour(now);
  const isClaimed = await transaction(db, (sql) => claimHour(sql, { pool, hour, hostId, now }));
  if (!isClaimed) return rest("this hour is sampled already", MS_PER_HOUR, now);
  return await orderPage(db, { pool, hour, after: null, now });
}

/** A page that comes when the hour has ended belongs to an order that is too old to be carried out. */
async function furtherPage(
  db: Database,
  hostId: HostId,
  { after, now }: { after: string; now: Date },
): Promise<StorageReply | Refusal> {
  const cursor = parseCursor(after);
  if (cursor === null) return refused("this is no place in an order");
  const hour = fullHour(now);
  const pool = await holdsHour(db, { hostId, hour });
  if (pool === null) return refused("this host does not sample its storage pool in this hour; begin anew");
  return await orderPage(db, { pool, hour, after: cursor, now });
}

async function orderPage(
  db: Database,
  { pool, hour, after, now }: { pool: string; hour: Date; after: FolderCursor | null; now: Date },
): Promise<StorageReply> {
  const { folders, next } = await poolFolders(db, { pool, after });
  return {
    kind: "storage-order",
    hourMs: hour.getTime(),
    folders,
    next: next === null ? null : `${next.workspaceId}/${next.key}`,
    againInMs: untilNextHour(now),
  };
}

/** The hour before is still taken: measuring may take longer than what was left of it. */
async function takeReport(
  db: Database,
  hostId: HostId,
  report: StorageReport,
  now: Date,
): Promise<StorageReply | Refusal> {
  const hoursAgo = (fullHour(now).getTime() - report.hourMs) / MS_PER_HOUR;
  if (hoursAgo !== 0 && hoursAgo !== 1)
    return refused(`the hour ${report.hourMs} is neither this one nor the one before`);
  const taken = await transaction(db, (sql) => takePart(sql, { hostId, report, now }));
  if (taken.taken) return { kind: "storage-taken" };
  switch (taken.reason) {
    case "not-asked":
      return refused("nobody was asked to sample this host's storage pool in that hour");
    case "another-host":
      return refused("another host samples this storage pool in that hour");
  }
}

function rest(reason: string, againInMs: number, now: Date): StorageReply {
  return { kind: "storage-rest", reason, againInMs: Math.min(againInMs, untilNextHour(now)) };
}

function untilNextHour(now: Date): number {
  return fullHour(now).getTime() + MS_PER_HOUR - now.getTime();
}

function parseCursor(text: string): FolderCursor | null {
  const match = /^([1-9]\d{0,14})\/([^]+)$/.exec(text);
  return match === null ? null : { workspaceId: Number(match[1]), key: match[2] ?? "" };
}
