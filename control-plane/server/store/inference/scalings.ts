/** Changes of the number of a service's replicas, as its people read them among its events: who made it, and why. */
import { scalingMessage } from "../../core/alerts/service-messages.ts";
import type { Reason } from "../../core/reasons/reason.ts";
import type { Transaction } from "../database/database.ts";
import { type StoredReason, storedReasonColumn } from "../database/values/reason-columns.ts";
import { appendEvents } from "../events/events.ts";
import { queueWorkMessages } from "../events/message-outbox.ts";

/** The number is another from now on. */
const SCALED_EVENT = "scaled";
/** It would be, if it were not left to people. */
const WOULD_SCALE_EVENT = "would-scale";

export interface Scaling {
  service: { id: string; customerId: number };
  from: number;
  to: number;
  why: Reason;
  actor: string;
  now: Date;
}

export async function noteScaled(
  sql: Transaction,
  { service, from, to, why, actor, now }: Scaling,
  { isDone = true }: { isDone?: boolean } = {},
): Promise<void> {
  const [eventId = 0] = await appendEvents(sql, [
    {
      at: now,
      kind: isDone ? SCALED_EVENT : WOULD_SCALE_EVENT,
      workloadKind: "inference",
      workloadId: service.id,
      customerId: service.customerId,
      actor,
      old: String(from),
      new: String(to),
      reason: why,
    },
  ]);
  if (!isDone) return;
  const workload = { kind: "inference", id: service.id } as const;
  await queueWorkMessages(sql, [{ workload, eventId, at: now, message: scalingMessage({ from, to, why }) }]);
}

export interface ScalingView {
  /** RFC 3339. */
  at: string;
  from: number;
  to: number;
  reason: StoredReason;
  actor: string;
  would: boolean;
}

const LISTED = 10;
/** Behind so many other events of a service nobody looks for them. */
const SCANNED = 500;

/** SQL: those of the service `s` that came last, the newest first: ScalingView as JSON. */
export const LAST_SCALINGS = `(SELECT coalesce(jsonb_agg(jsonb_build_object('at', e.at, 'from', e.old::int, 'to', e.new::int,
      'reason', ${storedReasonColumn("e", "reason")}, 'actor', e.actor, 'would', e.kind = '${WOULD_SCALE_EVENT}') ORDER BY e.id DESC), '[]')
    FROM (SELECT * FROM (SELECT * FROM events WHERE workload_kind = 'inference' AND workload_id = s.id
                          ORDER BY id DESC LIMIT ${SCANNED}) latest
           WHERE kind IN ('${SCALED_EVENT}', '${WOULD_SCALE_EVENT}') ORDER BY id DESC LIMIT ${LISTED}) e)`;
