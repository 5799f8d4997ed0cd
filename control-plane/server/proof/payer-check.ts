/**
 * Did one customer pay for the whole run? Every record and every side of the ledger that is a customer's has to name the
 * run's payer, who is frozen at its start. Whether that customer owned the workspace then, no host signs and no file
 * shows.
 */
import type { ProofDocument } from "./proof-document.ts";

/** @returns faults, one sentence each */
export function checkPayer({ run, records, ledger }: ProofDocument): string[] {
  const payer = run.customer_id;
  const ofRecords = records
    .filter((record) => record.customer_id !== payer)
    .map(
      ({ id, customer_id: other }) => `record ${id} is of customer ${other}, and the run's payer is ${payer}`,
    );
  const ofLedger = ledger.flatMap(({ id, entries }) =>
    entries
      .filter(({ account, customer_id: customer }) => account === "customer" && customer !== payer)
      .map(
        ({ customer_id: other }) =>
          `ledger transaction ${id} is on the account of customer ${other ?? "nobody"}, and the run's payer is ${payer}`,
      ),
  );
  return [...ofRecords, ...ofLedger];
}
