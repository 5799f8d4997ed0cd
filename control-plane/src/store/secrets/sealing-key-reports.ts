/**
 * Which sealing keys each server has: it says so when it begins, whenever its file has changed, and once a minute; one that
 * ends in order takes its row away. By the database's clock, as the servers' own may differ.
 */
import type { Connection } from "../database/database.ts";

/** One that has said nothing for so long is no more, whatever became of it. */
const FORGOTTEN_AFTER = "24 hours";

export interface HeldKeys {
  /** The machine and the file, as people know them. */
  readonly server: string;
  readonly sealsWith: string;
  /** Names of those that open. */
  readonly keyNames: readonly string[];
}

export interface SealingKeyReport extends HeldKeys {
  readonly reportedAt: Date;
}

/** @param report.holder names this process as the leader's row would */
export async function reportSealingKeys(
  sql: Connection,
  report: HeldKeys & { readonly holder: string },
): Promise<void> {
  await sql.query(
    `INSERT INTO sealing_key_reports (server, holder, seals_with, key_names, reported_at)
     VALUES ($1, $2, $3, $4::text[], now())
     ON CONFLICT (server) DO UPDATE
        SET holder = EXCLUDED.holder, seals_with = EXCLUDED.seals_with, key_names = EXCLUDED.key_names,
            reported_at = EXCLUDED.reported_at`,
    [report.server, report.holder, report.sealsWith, report.keyNames],
  );
  await sql.query(
    `DELETE FROM sealing_key_reports WHERE reported_at < now() - interval '${FORGOTTEN_AFTER}'`,
    [],
  );
}

/** This process has ended; one that has taken its place has said so by now, and stays. */
export async function withdrawSealingKeys(sql: Connection, holder: string): Promise<void> {
  await sql.query("DELETE FROM sealing_key_reports WHERE holder = $1", [holder]);
}

/** Of all that were heard lately and have not ended in order, by their names. */
export async function sealingKeyReports(sql: Connection): Promise<SealingKeyReport[]> {
  const { rows } = await sql.query<SealingKeyReport>(
    `SELECT server, seals_with AS "sealsWith", key_names AS "keyNames", reported_at AS "reportedAt"
       FROM sealing_key_reports WHERE reported_at >= now() - interval '${FORGOTTEN_AFTER}' ORDER BY server`,
  );
  return rows;
}

/** The process that leads now and says nothing of its keys, as one of the version before; null where there is none. */
export async function silentLeader(sql: Connection): Promise<string | null> {
  const { rows } = await sql.query<{ holder: string }>(
    `SELECT holder FROM leader l WHERE holder IS NOT NULL AND lease_until > now()
        AND NOT EXISTS (SELECT FROM sealing_key_reports r WHERE r.holder = l.holder)`,
  );
  return rows[0]?.holder ?? null;
}
