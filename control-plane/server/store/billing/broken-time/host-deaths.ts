/**
 * The ends of hosts' boots, written down when they are noticed: at the first heartbeat of another boot, and when an
 * administrator declares the host lost. Silence alone is none.
 */
import type { Heartbeat } from "@remotegpu/shared/messages/protocol";
import type { Transaction } from "../../database/database.ts";

/** Call before the host's row takes over what the heartbeat tells, in a transaction that holds the row. */
export async function noteReboot(
  sql: Transaction,
  { hostId, heartbeat, now }: { hostId: string; heartbeat: Pick<Heartbeat, "bootId" | "journal">; now: Date },
): Promise<void> {
  const { rowCount } = await sql.change(
    `INSERT INTO host_deaths (host_id, boot_id, cause, last_heard_at, noticed_at, journal_id, head_seq)
     SELECT id, boot_id, 'rebooted', least(last_heartbeat, $3), $3, $4, $5 FROM hosts
      WHERE id = $1 AND boot_id <> $2 AND last_heartbeat IS NOT NULL
     ON CONFLICT DO NOTHING`,
    [hostId, heartbeat.bootId, now, heartbeat.journal.id, heartbeat.journal.headSeq],
  );
  // Whatever ran there has to be seen anew, even where the host's state reads as it did before.
  if (rowCount > 0) await sql.change("UPDATE hosts SET observed_digest = NULL WHERE id = $1", [hostId]);
}

/** Call in the transaction that takes the host out of the fleet. */
export async function noteHostLost(sql: Transaction, hostId: string, now: Date): Promise<void> {
  await sql.change(
    `INSERT INTO host_deaths (host_id, boot_id, cause, last_heard_at, noticed_at)
     SELECT id, boot_id, 'lost', least(last_heartbeat, $2), $2 FROM hosts
      WHERE id = $1 AND boot_id IS NOT NULL AND last_heartbeat IS NOT NULL
     ON CONFLICT DO NOTHING`,
    [hostId, now],
  );
}
