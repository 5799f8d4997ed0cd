/**
 * Hosts whose bytes of a sealed version are not those that were sealed, as an open alarm for each host and copy. While it is
 * open, other members of the pool are asked for that copy first; an administrator clears it once the bytes are right again.
 */
import type { Transaction } from "../database/database.ts";
import { type AlarmKind, openAlarms, raiseAlarmOnce } from "../events/alarms.ts";

export const OTHER_BYTES = "sealed-bytes-differ" satisfies AlarmKind;

/** A host that has lost a disk is seen by these; more of them would hide everything else. */
const MOST_PER_HOST = 50;

/** SQL for what the alarm speaks of: the host and the copy. */
export function otherBytesSubject(hostId: string, copyId: string): string {
  return `(${hostId} || ' copy ' || ${copyId}::bigint)`;
}

export interface OtherBytes {
  host: { id: string; name: string };
  copy: { id: number; storagePool: string; version: number; folder: string };
  now: Date;
}

export async function noteOtherBytes(sql: Transaction, { host, copy, now }: OtherBytes): Promise<void> {
  const open = await openAlarms(sql, { kind: OTHER_BYTES, prefix: `${host.id} copy ` });
  if (open.size >= MOST_PER_HOST) return;
  await raiseAlarmOnce(sql, {
    kind: OTHER_BYTES,
    subject: `${host.id} copy ${copy.id}`,
    detail: `Host ${host.name} (${host.id}) of storage pool ${copy.storagePool} has other bytes of version ${copy.version} in ${copy.folder} than were sealed. Until this is cleared, other hosts of the pool are asked for it first.`,
    now,
  });
}
