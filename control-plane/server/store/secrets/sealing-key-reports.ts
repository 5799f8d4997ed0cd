/**
 * Which sealing keys each server has: it says so when it begins, whenever its file has changed, and once a minute; one that
 * ends in order takes its row away. By the database's clock, as the servers' own may differ.
 */
import type { Connection } from "../database/database.ts";

/** One that has said nothing for so long is no more, whatever became of it. */
const FORGOTTEN_AFTER = "24 hours";
/** Three times as long as one that runs says nothing. */
const TAKEN_OVER_AFTER = "3 minutes";

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
  await sql.change(
    `INSERT INTO sealing_key_reports (server, holder, seals_with, key_names, began_at, reported_at)
     VALUES ($1, $2, $3, $4::text[], now(), now())
     ON CONFLICT (holder) DO UPDATE
        SET seals_with = EXCLUDED.seals_with, key_names = EXCLUDED.key_names, reported_at = EXCLUDED.reported_at`,
    [report.server, report.holder, report.sealsWith, report.keyNames],
  );
  await takeOver(sql, report.holder);
  await sql.change(
    `DELETE FROM sealing_key_reports WHERE reported_at < now() - interval '${FORGOTTEN_AFTER}'`,
    [],
  );
}

/** Of processes of the same name that were heard last before this one began, and not since: it runs in their place. */
async function takeOver(sql: Connection, holder: string): Promise<void> {
  await sql.change(
    `DELETE FROM sealing_key_reports r USING sealing_key_reports own
      WHERE own.holder = $1 AND r.server = own.server AND r.holder <> own.holder
        AND r.reported_at < least(own.began_at, now() - interval '${TAKEN_OVER_AFTER}')`,
    [holder],
  );
}

/** This process has ended; one that runs in its place has a row of its own. */
export async function withdrawSealingKeys(sql: Connection, holder: string): Promise<void> {
  await sql.change("DELETE FROM sealing_key_reports WHERE holder = $1", [holder]);
}

/** Of all that were heard lately and have not ended in order, by their names; those of one name with their processes. */
export async function sealingKeyReports(sql: Connection): Promise<SealingKeyReport[]> {
  const { rows } = await sql.query<SealingKeyReport>(
    `SELECT CASE WHEN count(*) OVER (PARTITION BY server) = 1 THEN server
                 ELSE server || ' (process ' || holder || ')' END AS server,
            seals_with AS "sealsWith", key_names AS "keyNames", reported_at AS "reportedAt"
       FROM sealing_key_reports WHERE reported_at >= now() - interval '${FORGOTTEN_AFTER}' ORDER BY 1`,
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
