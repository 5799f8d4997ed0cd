/**
 * The outages of cards, written down while their host's reports are taken in; what counts as one is decided in
 * core/billing/broken-time/gpu-outage.ts. Whose time they make free is for the pass of controllers/billing/broken-time.ts.
 */
import type { GpuVitals } from "@remotegpu/shared/messages/protocol";
import { afterCardWord, type CardWord, cardWord } from "../../../core/billing/broken-time/gpu-outage.ts";
import type { Connection, Transaction } from "../../database/database.ts";

/** An outage is noticed together with these; only the newest events of a host are searched for them. */
const NEWEST_EVENTS = 200;

interface ReportedCard {
  uuid: string;
  word: CardWord;
  fault: { reason: string | null; code: string | null } | null;
}

interface Source {
  hostId: string;
  source: "heartbeat" | "report";
  now: Date;
}

/**
 * Call before the cards' rows take over what was told: until then `last_seen_at` is the last good sample. The transaction
 * holds the host's row.
 * @param source.after whoever writes the events of the same change
 */
export async function noteCardWords(
  sql: Transaction,
  { after, ...source }: Source & { cards: readonly GpuVitals[]; after: Promise<unknown> },
): Promise<void> {
  const reported = source.cards.map((card) => ({
    uuid: card.uuid,
    word: cardWord(card),
    fault: { reason: card.reasons?.[0] ?? null, code: card.reasonCode ?? null },
  }));
  await noteWords(sql, { ...source, after }, reported);
}

/** These are no longer listed. */
export async function noteVanishedCards(
  sql: Transaction,
  { hostId, uuids, now }: { hostId: string; uuids: readonly string[]; now: Date },
): Promise<void> {
  const reported = uuids.map((uuid) => ({ uuid, word: "vanished" as const, fault: null }));
  await noteWords(sql, { hostId, source: "report", now, after: Promise.resolve() }, reported);
}

async function noteWords(
  sql: Transaction,
  { hostId, source, now, after }: Source & { after: Promise<unknown> },
  reported: readonly ReportedCard[],
): Promise<void> {
  if (reported.length === 0) return;
  const [open] = await Promise.all([
    openOutages(sql, { hostId, uuids: reported.map(({ uuid }) => uuid) }),
    after,
  ]);
  for (const { uuid, word, fault } of reported) {
    const known = open.get(uuid);
    if (known === undefined) continue;
    const hasVanished = word === "vanished";
    switch (afterCardWord(known, word, source)) {
      case "stays":
        break;
      case "begins":
        await beginOutage(sql, { hostId, uuid, hasVanished, fault, now });
        break;
      case "vanishes":
        await sql.change(
          "UPDATE gpu_outages SET vanished_at = $2 WHERE gpu_uuid = $1 AND recovered_at IS NULL",
          [uuid, now],
        );
        break;
      case "ends":
        // Several replicas take in reports, and their clocks differ a little.
        await sql.change(
          "UPDATE gpu_outages SET recovered_at = greatest($2, noticed_at) WHERE gpu_uuid = $1 AND recovered_at IS NULL",
          [uuid, now],
        );
        break;
    }
  }
}

/** The open outages of this host's cards; null for one that is not out. */
async function openOutages(
  sql: Connection,
  { hostId, uuids }: { hostId: string; uuids: readonly string[] },
): Promise<Map<string, { hasVanished: boolean } | null>> {
  const { rows } = await sql.query<{ uuid: string; is_out: boolean; has_vanished: boolean }>(
    `SELECT g.uuid, o.id IS NOT NULL AS is_out, o.vanished_at IS NOT NULL AS has_vanished
       FROM gpus g LEFT JOIN gpu_outages o ON o.gpu_uuid = g.uuid AND o.recovered_at IS NULL
      WHERE g.host_id = $1 AND g.uuid = ANY($2::text[])`,
    [hostId, uuids],
  );
  return new Map(rows.map((row) => [row.uuid, row.is_out ? { hasVanished: row.has_vanished } : null]));
}

async function beginOutage(
  sql: Connection,
  outage: { hostId: string; uuid: string; hasVanished: boolean; fault: ReportedCard["fault"]; now: Date },
): Promise<void> {
  await sql.change(
    `INSERT INTO gpu_outages (gpu_uuid, host_id, last_good_at, noticed_at, vanished_at, fault, fault_code, event_ids)
     SELECT g.uuid, g.host_id, least(g.last_seen_at, $3), $3, CASE WHEN $4 THEN $3 END, $5, $6,
            ARRAY(SELECT e.id FROM (SELECT * FROM events WHERE host_id = $1 ORDER BY id DESC LIMIT ${NEWEST_EVENTS}) e
                   WHERE e.gpu_uuid = g.uuid AND e.at = $3 ORDER BY e.id)
       FROM gpus g WHERE g.host_id = $1 AND g.uuid = $2
     ON CONFLICT DO NOTHING`,
    [
      outage.hostId,
      outage.uuid,
      outage.now,
      outage.hasVanished,
      outage.fault?.reason ?? null,
      outage.fault?.code ?? null,
    ],
  );
}
