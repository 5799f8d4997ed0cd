/**
 * A host shows that Postgres was restored to an earlier moment: it was told higher numbers than the database holds. All
 * of them are raised, and the host is held until it has reported; what was lost of it is in lost-history.ts.
 */
import type { Heartbeat } from "@remotegpu/shared/messages/protocol";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { type RestoreClaim, restoreClaim, type ReportedNumbers } from "../../core/hosts/restore-claim.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { appendEvent } from "../events/events.ts";
import { currentTerm, raiseTermAbove } from "../database/leader.ts";
import { quarantine } from "../usage/quarantine.ts";
import type { Reason } from "../../core/reasons/reason.ts";

/** The kind of an event: this host showed that the database was restored. */
const RESTORE_EVENT = "restore-shown";

interface Beat {
  hostId: string;
  heartbeat: Heartbeat;
  generation: number;
  watermark: number;
  now: Date;
}

export type Restore =
  | Exclude<RestoreClaim, { kind: "restored" }>
  /** Rows beyond `askedFrom` are asked for again. */
  | { kind: "restored"; requestedFrom: number };

/** Call in the heartbeat's transaction, which holds the host. */
export async function noteRestore(sql: Transaction, beat: Beat): Promise<Restore> {
  const { hostId, heartbeat, generation, watermark, now } = beat;
  const reported = reportedNumbers(heartbeat);
  const held = await numbersHeld(sql, { generation, watermark });
  const claim = restoreClaim(reported, held, await restoresToday(sql, { hostId, reported, held, now }));
  if (claim.kind !== "restored") return claim;
  await raiseAboveRestored(sql, { hostId, reported, held, now });
  return { kind: "restored", requestedFrom: await skipForgotten(sql, { hostId, heartbeat, watermark, now }) };
}

function reportedNumbers({ applied, journal }: Heartbeat): ReportedNumbers {
  return {
    ...applied,
    watermark: journal.watermarkSeen,
    dbIncarnation: journal.dbIncarnationSeen ?? 0,
  };
}

async function numbersHeld(
  sql: Connection,
  ofHost: Pick<ReportedNumbers, "generation" | "watermark">,
): Promise<ReportedNumbers> {
  const { rows } = await sql.query<{ db_incarnation: number }>("SELECT db_incarnation FROM cluster_state");
  return { ...ofHost, term: await currentTerm(sql), dbIncarnation: rows[0]?.db_incarnation ?? 1 };
}

/** Asked for only where the host shows one more. */
async function restoresToday(
  sql: Connection,
  visible: { hostId: string; reported: ReportedNumbers; held: ReportedNumbers; now: Date },
): Promise<number> {
  const { hostId, reported, held, now } = visible;
  if (restoreClaim(reported, held, 0).kind === "none") return 0;
  const { rows } = await sql.query<{ count: number }>(
    "SELECT count(*) AS count FROM events WHERE host_id = $1 AND kind = $2 AND at > $3",
    [hostId, RESTORE_EVENT, new Date(now.getTime() - MS_PER_DAY)],
  );
  return rows[0]?.count ?? 0;
}

/**
 * Raises every number that the host proves to be too low, and forgets its observed state: until that is merged anew
 * its desired set is not served, so nothing is stopped or started there on the word of an old database.
 */
async function raiseAboveRestored(
  sql: Transaction,
  {
    hostId,
    reported,
    held,
    now,
  }: { hostId: string; reported: ReportedNumbers; held: ReportedNumbers; now: Date },
): Promise<void> {
  await sql.change("UPDATE cluster_state SET db_incarnation = greatest(db_incarnation, $1) + 1", [
    reported.dbIncarnation,
  ]);
  await raiseTermAbove(sql, reported.term);
  await sql.change(
    `UPDATE hosts SET generation = greatest(generation, $2) + 1, observed_digest = NULL, restore_detected_at = $3
      WHERE id = $1`,
    [hostId, reported.generation, now],
  );
  const reason: Reason = {
    code: "host-numbers-restored",
    params: { host_numbers: JSON.stringify(reported), database_numbers: JSON.stringify(held) },
  };
  await appendEvent(sql, { at: now, kind: RESTORE_EVENT, hostId, actor: `host ${hostId}`, reason });
}

/**
 * Rows that the host forgot a week after they were confirmed are lost with the database that had them. The watermark
 * passes them, or it would never move again; that they are missing is shown, and the doctor goes on finding it.
 */
async function skipForgotten(
  sql: Transaction,
  {
    hostId,
    heartbeat,
    watermark,
    now,
  }: { hostId: string; heartbeat: Heartbeat; watermark: number; now: Date },
): Promise<number> {
  const { id: journalId, baseSeq = 0, watermarkSeen } = heartbeat.journal;
  if (baseSeq <= watermark || baseSeq > watermarkSeen) return watermark;
  await sql.change(
    "UPDATE host_journals SET watermark = $3, watermark_hash = NULL WHERE host_id = $1 AND journal_id = $2",
    [hostId, journalId, baseSeq],
  );
  const entry = { firstSeq: watermark + 1, lastSeq: baseSeq };
  const row = {
    hostId,
    journalId,
    seq: baseSeq,
    runId: null,
    reason: "lost with a restored database",
    excessMs: null,
    entry,
    hash: null,
  };
  await quarantine(sql, [row], now);
  return baseSeq;
}
