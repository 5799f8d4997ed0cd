/**
 * Takes batches of hosts' journals into the database, one or those of several hosts in one transaction
 * (ingest-transaction.ts). What a hostile or broken host sends is set aside and counted, never an exception: those are
 * for a world that failed, and bring the batch again.
 */
import assert from "node:assert/strict";
import type { HostId } from "@remotegpu/shared/values/ids";
import { type JournalBatch, signedText } from "@remotegpu/shared/proof/journal-row";
import type { BillingCalendar } from "../../core/billing/billing-calendar.ts";
import type { Database } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { quarantine } from "../../store/usage/quarantine.ts";
import {
  type Delivery,
  decideBatch,
  type IngestReport,
  MustComeAgainError,
  type SignedDelivery,
} from "./ingest-transaction.ts";

const MAX_REASON_LENGTH = 500;

/** True when the host's key made this signature (base64) of the text. */
type VerifySignature = (hostId: HostId, text: string, signature: string) => Promise<boolean>;

export interface IngestDeps {
  readonly db: Database;
  readonly verify: VerifySignature;
  readonly calendar: BillingCalendar;
}

export type { IngestReport } from "./ingest-transaction.ts";

/** `again`: nothing of the batch was taken, since it speaks of what is not known yet; it must come again. */
export type IngestOutcome = { taken: true; report: IngestReport } | { taken: false; again: Error };

/** @throws StoreError, BootNotYetKnownError, HostNotYetMergedError, RunNotYetKnownError: the batch was not taken and must come again */
export async function ingestBatch(
  deps: IngestDeps,
  hostId: HostId,
  batch: JournalBatch,
  now: Date,
): Promise<IngestReport> {
  const [outcome] = await ingestBatches(deps, [{ hostId, batch }], now);
  assert(outcome !== undefined, "one batch has one outcome");
  if (!outcome.taken) throw outcome.again;
  return outcome.report;
}

/**
 * Decides batches of different hosts, all in one transaction but those that must come again.
 * @returns their outcomes in their order
 * @throws StoreError: none was taken, or the answer was lost; all must come again
 */
export async function ingestBatches(
  deps: IngestDeps,
  deliveries: readonly Delivery[],
  now: Date,
): Promise<IngestOutcome[]> {
  assert.equal(
    new Set(deliveries.map(({ hostId }) => hostId)).size,
    deliveries.length,
    "one batch of a host",
  );
  const signed = await Promise.all(deliveries.map((delivery) => withSignature(deps, delivery)));
  const outcomes = new Map<HostId, IngestOutcome>();
  // Each time round at least one fewer: what must come again must leave no trace, so the others are decided anew.
  for (let left = signed; left.length > 0; left = left.filter(({ hostId }) => !outcomes.has(hostId)))
    for (const [hostId, outcome] of await tryTogether(deps, left, now)) outcomes.set(hostId, outcome);
  return deliveries.flatMap(({ hostId }) => outcomes.get(hostId) ?? []);
}

/** Outcomes of all, or only of those that stand in the way of the others. */
async function tryTogether(
  { db, calendar }: IngestDeps,
  deliveries: readonly SignedDelivery[],
  now: Date,
): Promise<Map<HostId, IngestOutcome>> {
  try {
    const reports = await transaction(db, (sql) => decideBatch(sql, deliveries, { now, calendar }));
    return new Map(deliveries.map(({ hostId }, index) => [hostId, { taken: true, report: reports[index]! }]));
  } catch (error) {
    if (!(error instanceof MustComeAgainError)) throw error;
    return new Map([...error.reasons].map(([hostId, again]) => [hostId, { taken: false, again }]));
  }
}

async function withSignature({ verify }: IngestDeps, delivery: Delivery): Promise<SignedDelivery> {
  const { hostId, batch } = delivery;
  const head = batch.rows.at(-1);
  const isSigned =
    head !== undefined &&
    (await verify(hostId, signedText(batch.journalId, head.seq, head.hash), batch.signature));
  return { ...delivery, isSigned };
}

/** Something on a host's journal subject that is no batch. */
export async function recordMalformed(
  db: Database,
  hostId: string | null,
  reason: string,
  now: Date,
): Promise<void> {
  if (hostId === null) return;
  // The reason may quote what the host sent.
  const entry = { reason: reason.slice(0, MAX_REASON_LENGTH).replaceAll("\0", "").toWellFormed() };
  const nothing = { journalId: null, seq: null, runId: null, excessMs: null, hash: null };
  await transaction(db, async (sql) => {
    const { rowCount } = await sql.query("SELECT FROM hosts WHERE id = $1", [hostId]);
    if (rowCount > 0) await quarantine(sql, [{ ...nothing, hostId, reason: "malformed", entry }], now);
  });
}
