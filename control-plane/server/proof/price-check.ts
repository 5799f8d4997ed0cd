/**
 * Do the prices of a proof come from its part of the catalogue: the frozen ones from the entries in force at the run's
 * first proven moment, and those of the records from entries that were in force when they were posted? That the
 * catalogue is the one that was promised, nobody can tell from the file.
 */
import { parsePrice } from "@remotegpu/shared/values/money";
import type { ProofDocument } from "./proof-document.ts";

type Entry = ProofDocument["catalogue"][number];
type Priced = Pick<Entry, "line" | "unit_price" | "billing_unit">;

/** @returns faults, one sentence each */
export function checkPrices(proof: ProofDocument): string[] {
  return [...frozenFaults(proof), ...recordFaults(proof)];
}

function frozenFaults({ run, lines, catalogue }: ProofDocument): string[] {
  if (run.first_proven_at === null) return [`run ${run.id} has records and no first proven moment`];
  const atMs = Date.parse(run.first_proven_at);
  return lines.flatMap(({ line, unit_price, billing_unit }) => {
    if (unit_price === null || billing_unit === null) return [];
    const entry = inForce(catalogue, line, atMs);
    return entry !== null && isSamePrice(entry, { line, unit_price, billing_unit })
      ? []
      : [
          `line ${line} is priced ${unit_price} per ${billing_unit}, and the catalogue has no such price in force`,
        ];
  });
}

function inForce(catalogue: readonly Entry[], line: string, atMs: number): Entry | null {
  let latest: Entry | null = null;
  for (const entry of catalogue) {
    if (entry.line !== line || Date.parse(entry.effective_from) > atMs) continue;
    if (latest === null || Date.parse(entry.effective_from) > Date.parse(latest.effective_from))
      latest = entry;
  }
  return latest;
}

/** A record before a change of the frozen price has the price that was frozen then. */
function recordFaults({ records, catalogue }: ProofDocument): string[] {
  return records.flatMap((record) => {
    const isTakenBack = /^[0.]+$/.test(record.quantity);
    const isKnown = catalogue.some(
      (entry) =>
        isSamePrice(entry, record) && Date.parse(entry.effective_from) <= Date.parse(record.created_at),
    );
    return isTakenBack || isKnown
      ? []
      : [`record ${record.id} has the price ${record.unit_price}, which the catalogue does not have`];
  });
}

function isSamePrice(one: Priced, other: Priced): boolean {
  return (
    one.line === other.line &&
    one.billing_unit === other.billing_unit &&
    parsePrice(one.unit_price) === parsePrice(other.unit_price)
  );
}
