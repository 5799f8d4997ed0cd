/**
 * Messages to webhooks of work and of alarms, written in the transaction of the event that they tell. At most so many
 * of all kinds wait for a webhook; what comes beyond is one message that says so, so neither a container that dies again
 * and again nor a flood of orders fills a receiver's line. What is told of money (outbox.ts) is never left out.
 */
import type { EndCause, WorkMessage } from "../../core/alerts/work-messages.ts";
import { WORK_KINDS } from "../../core/alerts/webhook-kinds.ts";
import type { WorkloadName } from "../../core/workloads/workload-name.ts";
import { LIVE } from "../accounts/workspaces.ts";
import type { Transaction } from "../database/database.ts";
import { storedReason, type StoredReason } from "../database/values/reason-columns.ts";

export const MAX_WAITING = 200;

export interface WorkloadMessage {
  readonly workload: WorkloadName;
  readonly eventId: number;
  readonly at: Date;
  readonly message: WorkMessage;
}

/** What is not said of an end by who moved it there. */
export const NO_CAUSE: EndCause = { by: null, exitCode: null };

interface Receiver {
  kind: keyof typeof NOUNS;
  id: string;
  name: string;
  customer_id: number;
}

const NOUNS = { environment: "Environment", training: "Training job", inference: "Inference service" };

/**
 * Told to who ordered the workload and to who owns its workspace, and so pays. Most have no webhook for this, and are
 * one question.
 */
export async function queueWorkMessages(
  sql: Transaction,
  workMessages: readonly WorkloadMessage[],
): Promise<void> {
  if (workMessages.length === 0) return;
  const { rows: receivers } = await sql.query<Receiver>(
    `SELECT DISTINCT e.kind, e.id, e.name, r.customer_id
       FROM unnest($1::text[], $3::text[]) AS reported (kind, id)
       JOIN workloads e ON e.kind = reported.kind AND e.id = reported.id
       LEFT JOIN workspaces w ON w.id = e.workspace_id AND ${LIVE}
      CROSS JOIN LATERAL (VALUES (e.customer_id), (w.owner_id)) r (customer_id)
      WHERE EXISTS (SELECT FROM webhooks h WHERE h.customer_id = r.customer_id AND h.active
                       AND (h.kinds IS NULL OR h.kinds && $2::varchar[]))`,
    [
      workMessages.map(({ workload }) => workload.kind),
      WORK_KINDS,
      workMessages.map(({ workload }) => workload.id),
    ],
  );
  if (receivers.length === 0) return;
  const reasons = await reasonsOfEvents(sql, workMessages);
  const messages = workMessages.flatMap((one) =>
    receivers
      .filter(({ kind, id }) => kind === one.workload.kind && id === one.workload.id)
      .map((receiver) => ({
        customerId: receiver.customer_id,
        kind: one.message.kind,
        at: one.at,
        body: bodyOf(one, receiver, reasons.get(one.eventId)),
      })),
  );
  await queue(sql, messages, "w.customer_id = n.customer_id AND (w.kinds IS NULL OR n.kind = ANY(w.kinds))");
}

interface EventReason {
  id: number;
  code: string | null;
  params: Record<string, unknown> | null;
}

/** The codes and parameters beside the texts that the events of these messages have. */
async function reasonsOfEvents(
  sql: Transaction,
  workMessages: readonly WorkloadMessage[],
): Promise<ReadonlyMap<number, EventReason>> {
  const { rows } = await sql.query<EventReason>(
    "SELECT id, reason_code AS code, reason_params AS params FROM events WHERE id = ANY($1::bigint[])",
    [workMessages.map(({ eventId }) => eventId)],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** Beside a `reason`; a text that is not that of the code is a text alone. */
function reasonFields({ reason }: WorkMessage["facts"], of: Omit<StoredReason, "text"> | undefined) {
  if (typeof reason !== "string") return {};
  const known = storedReason({ text: reason, code: of?.code ?? null, params: of?.params ?? null });
  return known === null ? {} : { reason_code: known.code, reason_params: known.params };
}

function bodyOf(
  { message: workMessages, at, eventId }: WorkloadMessage,
  { kind, id, name, customer_id: customerId }: Receiver,
  event: EventReason | undefined,
): string {
  return JSON.stringify({
    event_id: eventId,
    customer_id: customerId,
    kind: workMessages.kind,
    state: workMessages.state,
    workload_kind: kind,
    workload_id: id,
    name,
    ...workMessages.facts,
    ...reasonFields(workMessages.facts, workMessages.reason ?? event),
    sentence: `${NOUNS[kind]} ${name} ${workMessages.text}`,
    at: at.toISOString(),
  });
}

export interface AlarmMessage {
  id: number;
  kind: string;
  subject: string;
  detail: string | null;
  reason_code: string | null;
  reason_params: Record<string, unknown> | null;
  raised_at: Date;
  cleared_at: Date | null;
}

/** The messages of alarms that were just raised or cleared, to administrators' webhooks that name the kind. */
export async function queueAlarmMessages(sql: Transaction, alarms: readonly AlarmMessage[]): Promise<void> {
  const messages = alarms.map((alarm) => {
    const at = alarm.cleared_at ?? alarm.raised_at;
    const body = JSON.stringify({
      alarm_id: alarm.id,
      kind: "alarm",
      state: alarm.cleared_at === null ? "fired" : "recovered",
      alarm: alarm.kind,
      subject: alarm.subject,
      sentence: alarm.detail,
      ...reasonFields({ reason: alarm.detail }, { code: alarm.reason_code, params: alarm.reason_params }),
      raised_at: alarm.raised_at.toISOString(),
      at: at.toISOString(),
    });
    return { customerId: null, kind: "alarm", at, body };
  });
  const isOperators = `EXISTS (SELECT FROM customers c
      WHERE c.id = w.customer_id AND c.user_type = 'admin' AND coalesce(c.status, 'active') = 'active' AND c.deleted_at IS NULL)`;
  await queue(sql, messages, `n.kind = ANY(w.kinds) AND ${isOperators}`);
}

interface Message {
  customerId: number | null;
  kind: string;
  at: Date;
  body: string;
}

/**
 * @param receives SQL: webhook `w` is to have message `n`
 * The webhooks are held, since one that is deleted in this moment would make what is told itself fail.
 */
async function queue(sql: Transaction, messages: readonly Message[], receives: string): Promise<void> {
  if (messages.length === 0) return;
  const sentence = `More than ${MAX_WAITING} messages wait for this webhook: what happens from now on is not told one by one.`;
  await sql.change(
    `WITH news AS (
       SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[]) WITH ORDINALITY
         AS n(customer_id, kind, body, at, nth)),
     receivers AS MATERIALIZED (
       SELECT w.id AS webhook_id, n.nth, n.kind, n.body, n.at FROM news n JOIN webhooks w ON w.active AND ${receives}
        ORDER BY w.id, n.nth FOR KEY SHARE OF w),
     waiting AS (
       SELECT r.webhook_id, count(d.id) AS messages, bool_or(coalesce(d.kind = 'skipped', false)) AS says_so
         FROM (SELECT DISTINCT webhook_id FROM receivers) r
         LEFT JOIN webhook_deliveries d ON d.webhook_id = r.webhook_id AND d.delivered_at IS NULL AND d.given_up_at IS NULL
        GROUP BY r.webhook_id),
     numbered AS (
       SELECT r.*, w.says_so, w.messages + row_number() OVER (PARTITION BY r.webhook_id ORDER BY r.nth) AS place
         FROM receivers r JOIN waiting w USING (webhook_id)),
     skipped AS (
       SELECT DISTINCT ON (webhook_id) webhook_id, nth, 'skipped' AS kind,
              json_build_object('kind', 'skipped', 'sentence', $6::text, 'at',
                to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text AS body, at
         FROM numbered WHERE place > $5 AND NOT says_so ORDER BY webhook_id, nth)
     INSERT INTO webhook_deliveries (webhook_id, kind, body, created_at, next_try_at)
     SELECT webhook_id, kind, body, at, at
       FROM (SELECT webhook_id, nth, kind, body, at FROM numbered WHERE place <= $5
             UNION ALL SELECT webhook_id, nth, kind, body, at FROM skipped) told
      ORDER BY nth, webhook_id`,
    [
      messages.map(({ customerId }) => customerId),
      messages.map(({ kind }) => kind),
      messages.map(({ body }) => body),
      messages.map(({ at }) => at),
      MAX_WAITING,
      sentence,
    ],
  );
}
