/**
 * What hosts say of the health of their cards, written down: reasons, errors, strangers, and the host's own cordon as
 * far as it counts (core/hosts/gpu-service.ts). Changes of health and service are events; a card out of service is an alarm.
 */
import type { GpuVitals, Heartbeat, HeartbeatReply } from "@remotegpu/shared/messages/protocol";
import { type CardFault, faultReason, isNewFault } from "../../../core/hosts/card-fault.ts";
import { afterHostReport, type ServiceChange } from "../../../core/hosts/gpu-service.ts";
import { clearAlarm, raiseAlarmOnce } from "../../events/alarms.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import {
  optionalReasonColumn,
  reasonColumns,
  storedReason,
  type StoredReason,
} from "../../database/values/reason-columns.ts";
import { appendEvent, appendEvents, type NewEvent } from "../../events/events.ts";
import { healthReasonData } from "./health-reasons.ts";
import { CARD_FAULT } from "../../hosts/gpus/card-fault.ts";
import { notifyHolders } from "./fault-events.ts";
import { noteGpuClosure } from "../../hosts/gpus/gpu-closures.ts";
import { inEnglish } from "../../../core/reasons/english/english.ts";
import { reportedReasons, reportedSequence } from "../../../core/reasons/host-report.ts";
import type { Reason } from "../../../core/reasons/reason.ts";
import { reasonOf } from "../../../core/reasons/plain-reason.ts";

interface KnownCard {
  uuid: string;
  status: string | null;
  health_status: string;
  cordoned: boolean;
  cordon_reason: StoredReason | null;
  by_host: boolean;
  lifted_since_ms: number | null;
  /** What its host held against it before. */
  fault: CardFault | null;
}

type Lifts = NonNullable<HeartbeatReply["liftCordons"]>;

/**
 * To be called before the cards' rows take over what was told, in a transaction that holds the host's row. Returns the
 * cordons that the host must hear are lifted.
 */
export async function noteGpuHealth(
  sql: Transaction,
  { hostId, cards, now }: { hostId: string; cards: readonly GpuVitals[]; now: Date },
): Promise<Lifts> {
  // Agents of before say nothing of it.
  const reporting = cards.filter(({ reasons }) => reasons !== undefined);
  if (reporting.length === 0) return [];
  const known = await knownCards(
    sql,
    hostId,
    reporting.map(({ uuid }) => uuid),
  );
  const lifts: Lifts = [];
  for (const reported of reporting) {
    const card = known.get(reported.uuid);
    if (card === undefined) continue;
    if (card.health_status !== reported.health)
      await appendEvent(sql, healthEvent({ hostId, card, reported }, now));
    const fault = faultOf(reported);
    if (isNewFault(card.fault, fault)) {
      await notifyHolders(sql, { hostId, fault, reason: faultReason(fault), now });
      await noteGpuClosure(sql, { hostId, uuid: reported.uuid, code: fault.code, now });
    }
    const change = changeOf(card, reported);
    if (change.kind === "tells-lift") lifts.push({ uuid: reported.uuid, sinceMs: change.sinceMs });
    await applyChange(sql, { hostId, card, change, now });
  }
  await putHealth(
    sql,
    reporting.filter(({ uuid }) => known.has(uuid)),
  );
  return lifts;
}

/** The same of cards that neither have a fault nor had one, of several hosts: there is only their health to compare. */
export async function notePlainHealth(
  sql: Transaction,
  beats: readonly { hostId: string; heartbeat: Pick<Heartbeat, "gpus"> }[],
  now: Date,
): Promise<void> {
  const reporting = beats.flatMap(({ hostId, heartbeat }) =>
    heartbeat.gpus.flatMap((reported) =>
      reported.reasons === undefined ? [] : [{ hostId, reported, uuid: reported.uuid }],
    ),
  );
  if (reporting.length === 0) return;
  const { rows } = await sql.query<{ uuid: string; host_id: string; health_status: string }>(
    `SELECT g.uuid, g.host_id, coalesce(g.health_status, 'unknown') AS health_status
       FROM unnest($1::text[], $2::text[]) t (host_id, uuid) JOIN gpus g USING (host_id, uuid)`,
    [reporting.map(({ hostId }) => hostId), reporting.map(({ uuid }) => uuid)],
  );
  const before = new Map(
    rows.map(({ uuid, host_id, health_status }) => [`${host_id} ${uuid}`, health_status]),
  );
  const known = reporting.flatMap((card) => {
    const health_status = before.get(`${card.hostId} ${card.uuid}`);
    return health_status === undefined ? [] : [{ ...card, card: { health_status } }];
  });
  const changed = known.filter(({ card, reported }) => card.health_status !== reported.health);
  await appendEvents(
    sql,
    changed.map((one) => healthEvent(one, now)),
  );
  await putHealth(
    sql,
    known.map(({ reported }) => reported),
  );
}

/** Only the host's own cards: one that another host holds is told of by that one. */
async function knownCards(
  sql: Transaction,
  hostId: string,
  uuids: readonly string[],
): Promise<Map<string, KnownCard>> {
  const { rows } = await sql.query<KnownCard>(
    `SELECT g.uuid, g.status, coalesce(g.health_status, 'unknown') AS health_status, g.cordoned,
            ${optionalReasonColumn("g", "cordon_reason")} AS cordon_reason,
            coalesce(k.cordoned_by_host, false) AS by_host, k.lifted_since_ms, ${CARD_FAULT} AS fault
       FROM gpus g LEFT JOIN gpu_health k ON k.gpu_uuid = g.uuid
      WHERE g.host_id = $1 AND g.uuid = ANY($2::text[]) ORDER BY g.uuid FOR NO KEY UPDATE OF g`,
    [hostId, uuids],
  );
  return new Map(rows.map((row) => [row.uuid, row]));
}

/** As CARD_FAULT says it of what is kept. */
function faultOf(reported: GpuVitals): CardFault | null {
  const { uuid, health, cordon = null, hasSign = false, reasonCode: code = null, reasons = [] } = reported;
  const reason = reasons[0] ?? null;
  const isHeld = hasSign || cordon !== null || (health === "unhealthy" && reason !== null);
  const why = healthReasonData(reported)?.[0] ?? null;
  return isHeld ? { uuid, code, reason, why, isSign: hasSign, isFatal: cordon?.kind === "fatal" } : null;
}

function changeOf(card: KnownCard, reported: GpuVitals): ServiceChange {
  return afterHostReport(
    {
      isCordoned: card.cordoned,
      isByHost: card.by_host,
      reason: storedReason(card.cordon_reason),
      liftedSinceMs: card.lifted_since_ms,
    },
    {
      cordon: reported.cordon ?? null,
      reason: reportedReasons(reported.reasons ?? [], reported.why)[0] ?? null,
    },
  );
}

function healthEvent(
  { hostId, card, reported }: { hostId: string; card: Pick<KnownCard, "health_status">; reported: GpuVitals },
  now: Date,
): NewEvent {
  return {
    at: now,
    kind: "gpu-health",
    hostId,
    gpuUuid: reported.uuid,
    actor: `host ${hostId}`,
    old: card.health_status,
    new: reported.health,
    reason: reportedSequence(reported.reasons ?? [], reported.why),
  };
}

async function applyChange(
  sql: Transaction,
  { hostId, card, change, now }: { hostId: string; card: KnownCard; change: ServiceChange; now: Date },
): Promise<void> {
  const { uuid, status: old } = card;
  const event = { at: now, hostId, gpuUuid: uuid, actor: `host ${hostId}` };
  switch (change.kind) {
    case "stays":
    case "tells-lift":
      return;
    case "explains":
      await sql.change(`UPDATE gpus SET ${CORDON_REASON} WHERE uuid = $1`, cordonValues(uuid, change.reason));
      return;
    case "cordons":
      await sql.change(
        `UPDATE gpus SET cordoned = true, ${CORDON_REASON}, status = 'maintenance' WHERE uuid = $1`,
        cordonValues(uuid, change.reason),
      );
      await setCordonedByHost(sql, uuid, true);
      await appendEvent(sql, {
        ...event,
        kind: "gpu-cordoned",
        old,
        new: "maintenance",
        reason: change.reason,
      });
      return await raiseAlarmOnce(sql, {
        kind: "gpu-out-of-service",
        subject: uuid,
        reason: outOfService({ uuid, hostId, why: change.reason }),
        now,
      });
    case "uncordons": {
      const { rows } = await sql.change<{ status: string }>(
        `UPDATE gpus SET cordoned = false, cordon_reason = NULL, cordon_reason_code = NULL, cordon_reason_params = NULL,
                status = CASE WHEN EXISTS (
                  SELECT FROM gpu_allocations a WHERE a.gpu_uuid = gpus.uuid AND a.released_at IS NULL
                ) THEN 'allocated' ELSE 'available' END
          WHERE uuid = $1 RETURNING status`,
        [uuid],
      );
      await setCordonedByHost(sql, uuid, false);
      await appendEvent(sql, {
        ...event,
        kind: "gpu-uncordoned",
        old,
        new: rows[0]?.status ?? null,
        reason: reasonOf("gpu-well-again"),
      });
      return await clearAlarm(sql, { kind: "gpu-out-of-service", subject: uuid, now });
    }
  }
}

const CORDON_REASON = "cordon_reason = $2, cordon_reason_code = $3, cordon_reason_params = $4";

function cordonValues(uuid: string, reason: Reason | null): (string | null)[] {
  const { text, code, params } = reasonColumns(reason);
  return [uuid, text, code, params];
}

const GONE = reasonOf("gpu-not-listed-by-host");

/** Nobody tells of this card any more; its host's cordon, if it has one, stands until it is back and well. */
export async function noteGone(sql: Connection, uuid: string): Promise<void> {
  await sql.change(
    `INSERT INTO gpu_health (gpu_uuid, reasons, reason_data, reason_code) VALUES ($1, $2, $3, 'not-listed')
     ON CONFLICT (gpu_uuid) DO UPDATE SET reasons = EXCLUDED.reasons, reason_data = EXCLUDED.reason_data,
            reason_code = EXCLUDED.reason_code, strangers = '[]', foreign_memory_mib = NULL`,
    [uuid, [inEnglish(GONE)], JSON.stringify([GONE])],
  );
}

/** An administrator's cordon is not the host's to take back, whoever cordoned first. */
export async function noteAdminsCordon(sql: Connection, uuid: string): Promise<void> {
  await sql.change("UPDATE gpu_health SET cordoned_by_host = false WHERE gpu_uuid = $1", [uuid]);
}

/** The host's own cordon, if there is one, is lifted as well: it hears so with its next heartbeat. */
export async function noteAdminsUncordon(sql: Transaction, uuid: string, now: Date): Promise<void> {
  await sql.change(
    "UPDATE gpu_health SET cordoned_by_host = false, lifted_since_ms = host_cordon_since_ms WHERE gpu_uuid = $1",
    [uuid],
  );
  await clearAlarm(sql, { kind: "gpu-out-of-service", subject: uuid, now });
}

async function setCordonedByHost(sql: Connection, uuid: string, isByHost: boolean): Promise<void> {
  await sql.change(
    `INSERT INTO gpu_health (gpu_uuid, cordoned_by_host) VALUES ($1, $2)
     ON CONFLICT (gpu_uuid) DO UPDATE SET cordoned_by_host = EXCLUDED.cordoned_by_host`,
    [uuid, isByHost],
  );
}

/**
 * Rows that say the same are left as they are: most heartbeats change nothing here. A host that has not looked yet who is
 * on a card, as after a new start of its agent, says nothing of that, and what it said before stands.
 */
async function putHealth(sql: Connection, cards: readonly GpuVitals[]): Promise<void> {
  await sql.change(
    `INSERT INTO gpu_health AS h (gpu_uuid, reasons, host_cordon, host_cordon_since_ms, ecc_uncorrected,
            ecc_uncorrected_total, repair_pending, repair_failed, throttle_reasons, strangers, foreign_memory_mib,
            reason_code, has_sign, reason_data)
     SELECT v.uuid, v.reasons, v.cordon ->> 'kind', (v.cordon ->> 'sinceMs')::bigint, v."eccUncorrected",
            v."eccUncorrectedTotal", v."repairPending", v."repairFailed", v."throttleReasons",
            coalesce(v.strangers, (SELECT k.strangers FROM gpu_health k WHERE k.gpu_uuid = v.uuid), '[]'), v."foreignMemoryMib",
            v."reasonCode", coalesce(v."hasSign", false), v."reasonData"
       FROM jsonb_to_recordset($1::jsonb) AS v(uuid text, reasons text[], cordon jsonb, "eccUncorrected" bigint,
              "eccUncorrectedTotal" bigint, "repairPending" boolean, "repairFailed" boolean, "throttleReasons" text[],
              strangers jsonb, "foreignMemoryMib" int, "reasonCode" text, "hasSign" boolean, "reasonData" jsonb)
     ON CONFLICT (gpu_uuid) DO UPDATE SET reasons = EXCLUDED.reasons, host_cordon = EXCLUDED.host_cordon,
            host_cordon_since_ms = EXCLUDED.host_cordon_since_ms, ecc_uncorrected = EXCLUDED.ecc_uncorrected,
            ecc_uncorrected_total = EXCLUDED.ecc_uncorrected_total, repair_pending = EXCLUDED.repair_pending,
            repair_failed = EXCLUDED.repair_failed, throttle_reasons = EXCLUDED.throttle_reasons,
            strangers = EXCLUDED.strangers, foreign_memory_mib = EXCLUDED.foreign_memory_mib,
            reason_code = EXCLUDED.reason_code, has_sign = EXCLUDED.has_sign, reason_data = EXCLUDED.reason_data,
            lifted_since_ms = CASE WHEN h.lifted_since_ms = EXCLUDED.host_cordon_since_ms THEN h.lifted_since_ms END
      WHERE (h.reasons, h.host_cordon, h.host_cordon_since_ms, h.ecc_uncorrected, h.ecc_uncorrected_total,
             h.repair_pending, h.repair_failed, h.throttle_reasons, h.strangers, h.foreign_memory_mib, h.reason_code,
             h.has_sign, h.reason_data)
            IS DISTINCT FROM
            (EXCLUDED.reasons, EXCLUDED.host_cordon, EXCLUDED.host_cordon_since_ms, EXCLUDED.ecc_uncorrected,
             EXCLUDED.ecc_uncorrected_total, EXCLUDED.repair_pending, EXCLUDED.repair_failed,
             EXCLUDED.throttle_reasons, EXCLUDED.strangers, EXCLUDED.foreign_memory_mib, EXCLUDED.reason_code,
             EXCLUDED.has_sign, EXCLUDED.reason_data)`,
    [JSON.stringify(cards.map((card) => ({ ...card, reasonData: healthReasonData(card) })))],
  );
}

function outOfService({ uuid, hostId, why }: { uuid: string; hostId: string; why: Reason | null }): Reason {
  const params = { gpu_uuid: uuid, host_id: hostId };
  return why === null || inEnglish(why).trim() === ""
    ? { code: "gpu-out-of-service", params }
    : { code: "gpu-out-of-service-because", params: { ...params, why } };
}
