/** Whether a standby must confirm what is acknowledged (confirmation.ts), and which standbys there are. */
import { type Connection, type Database, type Transaction, transaction } from "./database.ts";

interface StandbyServer {
  /** Its application_name. */
  name: string;
  /** Null where this login may not see it. */
  syncState: string | null;
  lagSeconds: number | null;
}

export interface StandbyStatus {
  isRequired: boolean;
  standbys: StandbyServer[];
  /** Of the server: which standbys confirm. Empty: none does. */
  synchronousStandbyNames: string;
  /** Of this login: for how long what need not be confirmed waits. */
  synchronousCommit: string;
}

export async function standbyStatus(sql: Connection): Promise<StandbyStatus> {
  const [{ rows }, { rows: standbys }] = await Promise.all([
    sql.query<Omit<StandbyStatus, "standbys">>(
      `SELECT standby_required AS "isRequired",
              current_setting('synchronous_standby_names') AS "synchronousStandbyNames",
              current_setting('synchronous_commit') AS "synchronousCommit" FROM cluster_state`,
    ),
    sql.query<StandbyServer>(
      `SELECT application_name AS name, sync_state AS "syncState",
              CASE WHEN state = 'streaming' THEN coalesce(extract(epoch FROM replay_lag), 0)::float8 END AS "lagSeconds"
         FROM pg_stat_replication WHERE state IS DISTINCT FROM 'backup' ORDER BY application_name, pid`,
    ),
  ]);
  const [row] = rows;
  if (row === undefined) throw new Error("cluster_state has no row");
  return { ...row, standbys };
}

/** False where it was so. */
export async function requireStandby(sql: Transaction, isRequired: boolean): Promise<boolean> {
  // To require one waits for it already; to go on alone waits for nobody, whatever the server's setting is.
  await sql.query(`SET LOCAL synchronous_commit = ${isRequired ? "remote_apply" : "local"}`);
  const { rowCount } = await sql.change(
    "UPDATE cluster_state SET standby_required = $1 WHERE standby_required <> $1",
    [isRequired],
  );
  return rowCount > 0;
}

/**
 * For what was committed before and is acknowledged now: a standby that has a later commit has the earlier ones.
 * @throws StandbyMissingError, UnconfirmedCommitError
 */
export async function confirmEarlier(db: Database): Promise<void> {
  await transaction(
    db,
    // Only a transaction that has written something waits: this writes to the log alone.
    async (sql) => {
      await sql.query(
        "SELECT pg_logical_emit_message(true, 'remotegpu', '')::text FROM cluster_state WHERE standby_required",
        [],
      );
    },
    { acknowledges: true },
  );
}
