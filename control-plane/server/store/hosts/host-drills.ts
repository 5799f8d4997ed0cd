/** Certificates of drills: taken in where the host's key has signed them, the last few of each host kept. */
import { isDrillPassed, readDrillDocument, type SignedDrill } from "@remotegpu/shared/messages/drill-report";
import { drillDays, type DrilledHost, type HeldDrill } from "../../core/hosts/drill-freshness.ts";
import { SETTINGS } from "../../core/settings.ts";
import { NODE } from "../../proof/node-cryptography.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvent } from "../events/events.ts";

const STORED = 5;
/** No host is drilled more often; what comes beyond it is left out. */
const MAX_A_DAY = 20;

/** The newest of the host `h` with what it is judged by; null where it never reported one. */
export const NEWEST_DRILL = `(SELECT jsonb_build_object('document', d.document,
    'ended_at_ms', floor(extract(epoch FROM d.ended_at) * 1000)::bigint)
  FROM host_drills d WHERE d.host_id = h.id ORDER BY d.id DESC LIMIT 1)`;
/** The version of NVIDIA's driver on the host of the row `v` of host_versions. */
export const DRIVER_VERSION = `(SELECT c ->> 'version' FROM jsonb_array_elements(
    CASE jsonb_typeof(v.reported -> 'components') WHEN 'array' THEN v.reported -> 'components' ELSE '[]' END) c
  WHERE c ->> 'component' = 'nvidia-driver' LIMIT 1)`;
/** In days, as text; null: no host needs a certificate. */
export const DRILL_POLICY = `(SELECT nullif(s.value, 'none') FROM settings s WHERE s.key = 'HOST_DRILL_MAX_DAYS')`;

/** Of the host `h`: its newest drill with what that is judged by. */
export const DRILL_OF_HOST = `(SELECT jsonb_build_object('max_days', ${DRILL_POLICY}, 'newest', ${NEWEST_DRILL},
    'read_ms', floor(extract(epoch FROM now()) * 1000)::bigint,
    'driver', (SELECT ${DRIVER_VERSION} FROM host_versions v WHERE v.host_id = h.id),
    'gpus', (SELECT coalesce(jsonb_agg(g.uuid), '[]') FROM gpus g
      WHERE g.host_id = h.id AND g.vanished_at IS NULL AND g.uuid IS NOT NULL)))`;

export interface DrillRow {
  max_days: string | null;
  newest: StoredDrill | null;
  driver: string | null;
  gpus: string[];
  /** When this was read. */
  read_ms: number;
}

export interface StoredDrill {
  document: string;
  ended_at_ms: number;
}

/** A document of a later release counts as none. */
export function heldDrill(stored: StoredDrill | null): HeldDrill | null {
  const document = stored === null ? null : readDrillDocument(stored.document);
  return stored === null || document === null ? null : { document, endedAtMs: stored.ended_at_ms };
}

/** One that is not this host's own, or that was heard before, is left out. In a transaction that holds the host's row. */
export async function noteDrill(
  sql: Transaction,
  { hostId, drill, now }: { hostId: string; drill: SignedDrill; now: Date },
): Promise<void> {
  const { rows: known } = await sql.query("SELECT FROM host_drills WHERE host_id = $1 AND signature = $2", [
    hostId,
    drill.signature,
  ]);
  const document = readDrillDocument(drill.document);
  if (known.length > 0 || document === null || document.hostId !== hostId) return;
  const { rows: keys } = await sql.query<{ nkey: string }>(
    "SELECT nkey FROM host_credentials WHERE host_id = $1 AND revoked_at IS NULL",
    [hostId],
  );
  if (!keys.some(({ nkey }) => NODE.verifySignature(nkey, drill.document, drill.signature))) return;
  const isPassed = isDrillPassed(document);
  const endedAt = new Date(Math.min(Date.parse(document.endedAt), now.getTime()));
  const { rowCount } = await sql.change(
    `INSERT INTO host_drills (host_id, ended_at, heard_at, passed, document, signature)
     SELECT $1::varchar, $2, $3, $4, $5, $6
      WHERE (SELECT count(*) FROM host_drills d WHERE d.host_id = $1::varchar AND d.heard_at > $3::timestamptz - interval '1 day') < $7`,
    [hostId, endedAt, now, isPassed, drill.document, drill.signature, MAX_A_DAY],
  );
  if (rowCount !== 1) return;
  await sql.change(
    `DELETE FROM host_drills WHERE host_id = $1 AND id NOT IN
       (SELECT d.id FROM host_drills d WHERE d.host_id = $1 ORDER BY d.id DESC LIMIT $2)`,
    [hostId, STORED],
  );
  const kind = isPassed ? "host-drill-passed" : "host-drill-failed";
  await appendEvent(sql, { at: now, hostId, actor: `host ${hostId}`, kind });
}

export interface DrilledRow extends DrilledHost {
  id: string;
  name: string;
  drill: HeldDrill | null;
}

/** Of all hosts of the fleet that were heard once, with the policy; null: no host needs a certificate. */
export async function drilledHosts(
  sql: Connection,
): Promise<{ maxDays: number; hosts: DrilledRow[] } | null> {
  const { rows: policy } = await sql.query<{ days: string | null }>(`SELECT ${DRILL_POLICY} AS days`);
  const maxDays = drillDays(policy[0]?.days ?? SETTINGS.HOST_DRILL_MAX_DAYS.byDefault);
  if (maxDays === null) return null;
  const { rows } = await sql.query<DrilledHost & { id: string; name: string; drill: StoredDrill | null }>(
    `SELECT h.id, h.name, h.agent_version AS version, ${DRIVER_VERSION} AS driver, ${NEWEST_DRILL} AS drill,
            ARRAY(SELECT g.uuid::text FROM gpus g WHERE g.host_id = h.id AND g.vanished_at IS NULL AND g.uuid IS NOT NULL) AS gpus
       FROM hosts h LEFT JOIN host_versions v ON v.host_id = h.id
      WHERE h.deleted_at IS NULL AND h.revoked_at IS NULL AND h.connection <> 'never' ORDER BY h.id`,
  );
  return { maxDays, hosts: rows.map((row) => ({ ...row, drill: heldDrill(row.drill) })) };
}
