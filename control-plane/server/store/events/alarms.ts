/**
 * What an operator should look at. An alarm stays open until somebody or something clears it; webhooks of administrators
 * are told of both, in one transaction.
 */
import type { Connection, Transaction } from "../database/database.ts";
import { hasPart } from "../database/values/text-part.ts";
import { type AlarmMessage, queueAlarmMessages } from "./message-outbox.ts";
import { reasonColumns, reasonLists } from "../database/values/reason-columns.ts";
import type { Reason } from "../../core/reasons/reason.ts";

export type AlarmKind =
  | "join-token-reused"
  | "too-many-beginnings"
  | "usage-quarantined"
  | "gpu-conflict"
  | "gpu-out-of-service"
  | "gpu-stranger"
  | "gpu-vanished"
  | "gpus-closed-under-payer"
  | "isolation-broken"
  | "unknown-gpu-error"
  | "pool-unconfirmed"
  | "pool-not-proved"
  | "unknown-instance"
  | "impossible-numbers"
  | "host-floods"
  | "host-vulnerable"
  | "agent-unsupported"
  | "drill-due"
  | "fleet-upgrade-halted"
  | "too-many-cards"
  | "placement-overdue"
  | "run-not-ending"
  | "runtime-disagrees"
  | "unknown-lease"
  | "lease-disbelieved"
  | "access-disbelieved"
  | "storage-disbelieved"
  | "sealed-bytes-differ"
  | "journal-stream"
  | "charge-beyond-column"
  | "charge-failed";

const COLUMNS = "id, kind, subject, detail, reason_code, reason_params, raised_at, cleared_at";

interface NewAlarm {
  subject: string;
  reason: Reason;
}

export async function raiseAlarm(
  sql: Transaction,
  alarm: NewAlarm & { kind: AlarmKind; now: Date },
): Promise<void> {
  const { text, code, params } = reasonColumns(alarm.reason);
  const { rows } = await sql.change<AlarmRow>(
    `INSERT INTO alarms (kind, subject, detail, reason_code, reason_params, raised_at)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${COLUMNS}`,
    [alarm.kind, alarm.subject, text, code, params, alarm.now],
  );
  await queueAlarmMessages(sql, rows);
}

/** Unless the same is open already. */
export async function raiseAlarmOnce(
  sql: Transaction,
  alarm: NewAlarm & { kind: AlarmKind; now: Date },
): Promise<void> {
  const open = await sql.query("SELECT FROM alarms WHERE kind = $1 AND subject = $2 AND cleared_at IS NULL", [
    alarm.kind,
    alarm.subject,
  ]);
  if (open.rowCount === 0) await raiseAlarm(sql, alarm);
}

/** The same of several of one kind, in their order; of those about one subject the first. */
export async function raiseAlarmsOnce(
  sql: Transaction,
  { kind, alarms, now }: { kind: AlarmKind; alarms: readonly NewAlarm[]; now: Date },
): Promise<void> {
  if (alarms.length === 0) return;
  const firsts = [...Map.groupBy(alarms, ({ subject }) => subject).values()].flatMap(
    ([first]) => first ?? [],
  );
  const { texts, codes, params } = reasonLists(firsts.map(({ reason }) => reason));
  const { rows } = await sql.change<AlarmRow>(
    `INSERT INTO alarms (kind, subject, detail, reason_code, reason_params, raised_at)
     SELECT $1::text, n.subject, n.detail, n.code, n.params, $4
       FROM unnest($2::text[], $3::text[], $5::text[], $6::jsonb[]) WITH ORDINALITY n (subject, detail, code, params, nth)
      WHERE NOT EXISTS (SELECT FROM alarms a WHERE a.kind = $1::text AND a.subject = n.subject AND a.cleared_at IS NULL)
      ORDER BY n.nth RETURNING ${COLUMNS}`,
    [kind, firsts.map(({ subject }) => subject), texts, now, codes, params],
  );
  await queueAlarmMessages(sql, rows);
}

/** What it warned of is over. */
export async function clearAlarm(
  sql: Transaction,
  { kind, subject, now }: { kind: AlarmKind; subject: string; now: Date },
): Promise<void> {
  const { rows } = await sql.change<AlarmRow>(
    `UPDATE alarms SET cleared_at = $3 WHERE kind = $1 AND subject = $2 AND cleared_at IS NULL RETURNING ${COLUMNS}`,
    [kind, subject, now],
  );
  await queueAlarmMessages(sql, rows);
}

/** What open alarms of this kind speak of, as far as that begins so. */
export async function openAlarms(
  sql: Connection,
  { kind, prefix }: { kind: AlarmKind; prefix: string },
): Promise<ReadonlySet<string>> {
  const { rows } = await sql.query<{ subject: string }>(
    "SELECT subject FROM alarms WHERE kind = $1 AND cleared_at IS NULL AND starts_with(subject, $2)",
    [kind, prefix],
  );
  return new Set(rows.map(({ subject }) => subject));
}

/**
 * Of something that lasts: of this kind's alarms whose subjects begin with `prefix` those that are named stay open, or
 * are raised, and any other is over. An open one keeps its words. At most `most` are open at once; those beyond come up
 * as others end.
 */
export async function keepAlarms(
  sql: Transaction,
  {
    kind,
    prefix,
    alarms,
    most,
    now,
  }: {
    kind: AlarmKind;
    prefix: string;
    alarms: ReadonlyMap<string, Reason>;
    most: number;
    now: Date;
  },
): Promise<void> {
  const visible = await openAlarms(sql, { kind, prefix });
  const over = [...visible].filter((subject) => !alarms.has(subject));
  for (const subject of over) await clearAlarm(sql, { kind, subject, now });
  const fresh = [...alarms].filter(([subject]) => !visible.has(subject));
  for (const [subject, reason] of fresh.slice(0, Math.max(0, most - (visible.size - over.length))))
    await raiseAlarm(sql, { kind, subject, reason, now });
}

/** Somebody has looked at it. One that is cleared already keeps its moment; null where there is none. */
export async function clearAlarmById(
  sql: Transaction,
  { id, now }: { id: number; now: Date },
): Promise<AlarmRow | null> {
  const cleared = await sql.change<AlarmRow>(
    `UPDATE alarms SET cleared_at = $2 WHERE id = $1 AND cleared_at IS NULL RETURNING ${COLUMNS}`,
    [id, now],
  );
  await queueAlarmMessages(sql, cleared.rows);
  const { rows } = await sql.query<AlarmRow>(`SELECT ${COLUMNS} FROM alarms WHERE id = $1`, [id]);
  return rows[0] ?? null;
}

/** What is told of an alarm is all of it. */
export type AlarmRow = AlarmMessage;

export interface AlarmFilter {
  open: boolean | null;
  kind: string | null;
  /** A part of it. */
  subject: string | null;
}

/** Newest first; a filter that is null lets everything pass. One row more than the limit. */
export async function listAlarms(
  sql: Connection,
  { open, kind, subject }: AlarmFilter,
  page: { limit: number; after: number | null },
): Promise<AlarmRow[]> {
  // As a condition of its own: a partial index is used only where it is known to hold the row.
  const state = open === null ? "true" : `cleared_at IS ${open ? "" : "NOT "}NULL`;
  const { rows } = await sql.query<AlarmRow>(
    `SELECT ${COLUMNS} FROM alarms
      WHERE ${state} AND ($1::bigint IS NULL OR id < $1) AND ($3::text IS NULL OR kind = $3)
        AND ($4::text IS NULL OR ${hasPart("subject", "$4")}) ORDER BY id DESC LIMIT $2`,
    [page.after, page.limit + 1, kind, subject],
  );
  return rows;
}
