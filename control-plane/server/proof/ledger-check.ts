/**
 * Did the ledger take what the records of a proof say? Each transaction's two sides have to cancel out, and its
 * records' sum is what the customer's side lost. Whether the balance follows from the ledger is not in the file.
 */
import { formatPoints, parsePoints, type Points } from "@remotegpu/shared/values/money";
import type { ProofDocument } from "./proof-document.ts";

/** A charge takes, a credit gives back; both have records. A refund has none: it gives money back, not time. */
const WITH_RECORDS = ["charge", "credit"];

/** @returns faults, one sentence each */
export function checkLedger({ records, ledger }: ProofDocument): string[] {
  const faults: string[] = [];
  const billed = new Map<number | null, Points>();
  for (const { transaction_id: id, amount } of records)
    billed.set(id, (billed.get(id) ?? 0n) + parsePoints(amount));
  const known = new Set<number>();
  for (const { id, source_kind: kind, entries } of ledger) {
    if (known.has(id)) faults.push(`ledger transaction ${id} is here twice`);
    known.add(id);
    const taken = 0n - sumOf(entries.filter((entry) => entry.account === "customer"));
    if (sumOf(entries) !== 0n) faults.push(`ledger transaction ${id} does not sum to zero`);
    if (!WITH_RECORDS.includes(kind) && !billed.has(id)) continue;
    if (taken !== (billed.get(id) ?? 0n))
      faults.push(
        `ledger transaction ${id} took ${formatPoints(taken)}, and its records come to ${formatPoints(billed.get(id) ?? 0n)}`,
      );
  }
  for (const id of billed.keys())
    if (id !== null && !known.has(id)) faults.push(`ledger transaction ${id} has records and is not here`);
  // Records that moved no money together have no transaction.
  if ((billed.get(null) ?? 0n) !== 0n) faults.push("records without a ledger transaction do not sum to zero");
  return faults;
}

function sumOf(entries: readonly { amount: string }[]): Points {
  return entries.reduce((sum, entry) => sum + parsePoints(entry.amount), 0n);
}
