/**
 * What a host's kernel log said of its GPUs that closes none, for the operators: an event when it is told first in a boot
 * and whenever it has become ten times as often, and an alarm for numbers that nobody knows.
 */
import type { KernelNote } from "@remotegpu/shared/instance/gpu-errors";
import type { Connection, Transaction } from "../../database/database.ts";
import { openAlarms, raiseAlarmsOnce } from "../../events/alarms.ts";
import { appendEvents } from "../../events/events.ts";
import { reportedReason } from "../../../core/reasons/host-report.ts";
import type { Reason } from "../../../core/reasons/reason.ts";

/** The kind of an event that tells one. */
const GPU_NOTE_EVENT = "gpu-note";
/** The notes of one host in one boot; further ones are not taken. */
export const MOST_NOTES_OF_HOST = 256;
/** A host that makes them up fills no more than its share of the list. */
const MOST_ALARMS_OF_HOST = 20;

const KIND = "unknown-gpu-error";

interface Reported {
  hostId: string;
  notes: readonly KernelNote[];
  now: Date;
}

/** To be called in a transaction that holds the host's row. Most hosts have nothing to tell. */
export async function noteKernelNotes(sql: Transaction, reported: Reported): Promise<void> {
  if (reported.notes.length === 0) return;
  const messages = await newNotes(sql, reported);
  if (messages.length === 0) return;
  const { hostId, now } = reported;
  const own = await ownCards(sql, hostId);
  await appendEvents(
    sql,
    messages.map(({ gpuUuid, code, reason, why, count }) => ({
      at: now,
      kind: GPU_NOTE_EVENT,
      hostId,
      // What another host has is not this one's to speak of.
      ...(gpuUuid !== null && own.has(gpuUuid) && { gpuUuid }),
      actor: `host ${hostId}`,
      new: code,
      reason: noteReason(reportedReason(reason, why), count),
    })),
  );
  await alarmOfUnknown(sql, { hostId, notes: messages, now });
}

function noteReason(note: Reason, count: number): Reason {
  return count === 1 ? note : { code: "kernel-note-repeated", params: { note, times: count } };
}

/** Those of an earlier boot are forgotten: a boot begins anew. */
async function newNotes(sql: Transaction, { hostId, notes, now }: Reported): Promise<KernelNote[]> {
  await sql.change(
    "DELETE FROM host_kernel_notes k USING hosts h WHERE k.host_id = $1 AND h.id = $1 AND k.boot_id <> h.boot_id",
    [hostId],
  );
  const { rows } = await sql.change<{ device: string; code: string }>(
    `WITH told AS (
       SELECT DISTINCT ON (v.device, v.code) v.* FROM jsonb_to_recordset($2::jsonb) AS v(device text, code text, count int)
        ORDER BY v.device, v.code, v.count DESC),
     room AS (SELECT $4 - count(*) AS left FROM host_kernel_notes WHERE host_id = $1),
     taken AS (
       SELECT t.* FROM (
         SELECT t.*, k.host_id IS NOT NULL AS is_known,
                row_number() OVER (PARTITION BY k.host_id IS NULL ORDER BY t.device, t.code) AS nth
           FROM told t LEFT JOIN host_kernel_notes k ON k.host_id = $1 AND k.device = t.device AND k.code = t.code
       ) t, room WHERE t.is_known OR t.nth <= room.left)
     INSERT INTO host_kernel_notes AS k (host_id, device, code, boot_id, count, reported_at)
     SELECT $1, t.device, t.code, h.boot_id, t.count, $3 FROM taken t JOIN hosts h ON h.id = $1 AND h.boot_id IS NOT NULL
     ON CONFLICT (host_id, device, code) DO UPDATE SET count = EXCLUDED.count, reported_at = EXCLUDED.reported_at
      WHERE length(EXCLUDED.count::text) > length(k.count::text)
     RETURNING device, code`,
    [
      hostId,
      JSON.stringify(notes.map(({ device, code, count }) => ({ device: device ?? "", code, count }))),
      now,
      MOST_NOTES_OF_HOST,
    ],
  );
  const isNew = new Set(rows.map(({ device, code }) => `${code} ${device}`));
  const named = new Map(notes.map((note) => [`${note.code} ${note.device ?? ""}`, note]));
  return [...named].filter(([name]) => isNew.has(name)).map(([, note]) => note);
}

async function ownCards(sql: Connection, hostId: string): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ uuid: string }>("SELECT uuid FROM gpus WHERE host_id = $1", [hostId]);
  return new Set(rows.map(({ uuid }) => uuid));
}

function unknownError({
  hostId,
  device,
  why,
}: {
  hostId: string;
  device: string | null;
  why: Reason;
}): Reason {
  return device === null
    ? { code: "gpu-error-unknown-nowhere", params: { host_id: hostId, why } }
    : { code: "gpu-error-unknown", params: { host_id: hostId, device, why } };
}

async function alarmOfUnknown(sql: Transaction, { hostId, notes, now }: Reported): Promise<void> {
  const unknown = notes.filter(({ isUnknown }) => isUnknown);
  if (unknown.length === 0) return;
  const open = await openAlarms(sql, { kind: KIND, prefix: `${hostId} ` });
  const alarms = unknown
    .map(({ code, device, reason, why }) => ({
      subject: `${hostId} ${code}`,
      reason: unknownError({ hostId, device, why: reportedReason(reason, why) }),
    }))
    .filter(({ subject }) => !open.has(subject));
  const room = Math.max(0, MOST_ALARMS_OF_HOST - open.size);
  await raiseAlarmsOnce(sql, { kind: KIND, alarms: alarms.slice(0, room), now });
}
