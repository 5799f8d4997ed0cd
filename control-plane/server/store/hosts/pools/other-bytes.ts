/**
 * Hosts whose bytes of a sealed version are not those that were sealed, as an open alarm for each host and copy. While it is
 * open, other members of the pool are asked for that copy first; an administrator clears it once the bytes are right again.
 */
import type { Transaction } from "../../database/database.ts";
import { type AlarmKind, openAlarms, raiseAlarmOnce } from "../../events/alarms.ts";

const OTHER_BYTES = "sealed-bytes-differ" satisfies AlarmKind;

/** A host that has lost a disk is seen by these; more of them would hide everything else. It is asked last for every copy then. */
const MOST_PER_HOST = 50;

/** SQL for what the alarm speaks of: the host and the copy. */
function otherBytesSubject(hostId: string, copyId: string): string {
  return `(${hostId} || ' copy ' || ${copyId}::bigint)`;
}

/** SQL for whether a host is to be asked after all others for that copy: of it, or of as many as are noted, it had other bytes. */
export function hasOtherBytes(hostId: string, copyId: string): string {
  const open = `SELECT FROM alarms a WHERE a.kind = '${OTHER_BYTES}' AND a.cleared_at IS NULL`;
  return `(EXISTS (${open} AND a.subject = ${otherBytesSubject(hostId, copyId)})
    OR EXISTS (${open} AND starts_with(a.subject, ${hostId} || ' copy ') OFFSET ${MOST_PER_HOST - 1}))`;
}

export interface OtherBytes {
  host: { id: string; name: string };
  copy: { id: number; storagePool: string; version: number; folder: string };
  now: Date;
}

/** @returns whether that copy is still to be there: of one whose owner has deleted it since, a host rightly has nothing */
export async function noteOtherBytes(sql: Transaction, { host, copy, now }: OtherBytes): Promise<boolean> {
  const sealed = await sql.query(
    "SELECT FROM data_copies WHERE id = $1 AND folder = $2 AND status = 'ready'",
    [copy.id, copy.folder],
  );
  if (sealed.rowCount === 0) return false;
  const open = await openAlarms(sql, { kind: OTHER_BYTES, prefix: `${host.id} copy ` });
  if (open.size >= MOST_PER_HOST) return true;
  await raiseAlarmOnce(sql, {
    kind: OTHER_BYTES,
    subject: `${host.id} copy ${copy.id}`,
    reason: {
      code: "host-bytes-differ-from-sealed",
      params: {
        host_name: host.name,
        host_id: host.id,
        storage_pool: copy.storagePool,
        version: copy.version,
        folder: copy.folder,
      },
    },
    now,
  });
  return true;
}
