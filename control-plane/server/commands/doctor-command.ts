/** `doctor`: asks database and NATS whether they are what they must be, and says what is broken. Writes nothing. */
import { type CheckResult, exitCodeOf, reportJson, reportText } from "@remotegpu/shared/doctor";
import { checkPaymentLog } from "../backup/payment-log-check.ts";
import type { Database } from "../store/database/database.ts";
import { examine } from "../store/doctor/examination.ts";

/** Answers the exit code: 0 all well, 1 something is broken, 2 something could not be checked. */
export async function doctorCommand(
  database: Database,
  {
    json = false,
    now,
    checkStream,
    paymentLog,
  }: {
    json?: boolean | undefined;
    now: Date;
    checkStream: () => Promise<CheckResult>;
    /** The folder of this machine's payment log; null without one. */
    paymentLog: string | null;
  },
  print: (text: string) => void,
): Promise<0 | 1 | 2> {
  const results = [
    ...(await examine(database, now)),
    await checkPaymentLog(database, paymentLog),
    await checkStream(),
  ];
  print(json ? reportJson(results) : reportText(results));
  return exitCodeOf(results);
}
