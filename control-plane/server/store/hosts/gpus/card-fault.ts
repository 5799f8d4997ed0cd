/** Which cards their hosts hold something against, as hosts told last. */
import type { CardFault } from "../../../core/hosts/card-fault.ts";
import type { Connection } from "../../database/database.ts";

/**
 * SQL: of the card `g` with its health `k` a CardFault (core/hosts/card-fault.ts) as JSON, or null where its host holds
 * nothing against it.
 */
export const CARD_FAULT = `CASE WHEN k.has_sign OR k.host_cordon IS NOT NULL
      OR g.health_status = 'unhealthy' AND k.reasons[1] IS NOT NULL THEN jsonb_build_object('uuid', g.uuid,
    'code', k.reason_code, 'reason', k.reasons[1], 'why', k.reason_data -> 0, 'isSign', k.has_sign, 'isFatal', coalesce(k.host_cordon = 'fatal', false)) END`;

/**
 * SQL: of the placement `p`, which is over, the gravest CardFault of a card that it held, as JSON: one that failed, or shows
 * a sign of failure, and was not read well any more since the placement ended. Null where there is none.
 */
export const FAULT_AT_END = `(SELECT ${CARD_FAULT} FROM gpu_allocations a JOIN gpus g ON g.uuid = a.gpu_uuid
   JOIN gpu_health k ON k.gpu_uuid = g.uuid
  WHERE a.instance_id = p.instance_id AND a.epoch = p.epoch AND (k.has_sign OR k.host_cordon = 'fatal')
    AND g.last_seen_at <= p.state_changed_at
  ORDER BY k.host_cordon = 'fatal' DESC NULLS LAST, g.id LIMIT 1)`;

/** Call after what its host told of its cards and of its end is written down. */
export async function faultAtEnd(
  sql: Connection,
  { instanceId, epoch }: { instanceId: string; epoch: number },
): Promise<CardFault | null> {
  const { rows } = await sql.query<{ fault: CardFault | null }>(
    `SELECT ${FAULT_AT_END} AS fault FROM placements p WHERE p.instance_id = $1 AND p.epoch = $2`,
    [instanceId, epoch],
  );
  return rows[0]?.fault ?? null;
}
