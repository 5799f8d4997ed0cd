/** The doctor's look at the payment log: whether there is one, whether it is whole, and whether the ledger has all of it. */
import { type CheckResult, resultOf } from "@remotegpu/shared/doctor";
import { missingPayments } from "../store/billing/ledger/logged-payments.ts";
import type { Database } from "../store/database/database.ts";
import { BackupError } from "./backup-error.ts";
import { loggedPayments } from "./payment-log.ts";

const CHECK = {
  check: "payment-log-is-booked",
  claim: "The ledger has every payment of this machine's payment log.",
};
const MAX_LISTED = 20;

export async function checkPaymentLog(database: Database, folder: string | null): Promise<CheckResult> {
  if (folder === null)
    return {
      ...CHECK,
      state: "well",
      notes: [
        "REMOTEGPU_PAYMENT_LOG is unset: top-ups and refunds are in the database alone, and those after the last backup are lost with it.",
      ],
    };
  try {
    const missing = await missingPayments(database, await loggedPayments([folder]));
    const findings = missing.slice(0, MAX_LISTED).map(({ kind, id, customerId, amount, at }) => ({
      finding: "payment-not-booked",
      subject: { customer: customerId, payment: id },
      sentence: `A ${kind} of ${amount} was answered at ${at}, and the ledger does not have it: the database is older than the log.`,
    }));
    return resultOf(CHECK, { count: missing.length, findings });
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const finding = { finding: "payment-log-broken", subject: { folder }, sentence: `${error.message}.` };
    return resultOf(CHECK, { count: 1, findings: [finding] });
  }
}
