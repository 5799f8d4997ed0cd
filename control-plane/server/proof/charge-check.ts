/**
 * Do the records of a proof charge the time that it proves, no more and no less? The run is rated anew by the code that
 * charges, and compared by line and month. Of a run with a charge still due only too much can be found.
 */
import { formatPoints, parsePoints, parsePrice, parseQuantity } from "@remotegpu/shared/values/money";
import {
  billedMinutes,
  type PricedLine,
  type RatedRun,
  rateRun,
  type MonthShare,
} from "../core/billing/rating.ts";
import type { CheckedTime } from "./time-check.ts";
import type { ProofDocument } from "./proof-document.ts";

export interface CheckedCharges {
  readonly faults: readonly string[];
  readonly notes: readonly string[];
  /** Null where a line has no price. */
  readonly rated: RatedRun | null;
}

export function checkCharges(
  proof: ProofDocument,
  { proven, waived }: Pick<CheckedTime, "proven" | "waived">,
  posted: readonly MonthShare[],
): CheckedCharges {
  const { run } = proof;
  const lines = pricedLines(proof);
  const amount = posted.reduce((sum, share) => sum + share.amount, 0n);
  const faults =
    amount === parsePoints(run.amount)
      ? []
      : [`run ${run.id} is said to cost ${run.amount}, and its records come to ${formatPoints(amount)}`];
  if (lines === null)
    return { faults, notes: [`run ${run.id} has a line without a price and waits for one`], rated: null };

  // Which invoice a record is on is not judged here, so when months are closed does not matter.
  const calendar = { utcOffsetMinutes: proof.billing_utc_offset_minutes, closeDelayHours: 0 };
  const rated = rateRun({ proven, waived, lines }, calendar);
  if (!run.is_charge_due)
    return { faults: [...faults, ...settledFaults(proof, rated, posted)], notes: [], rated };
  const charged = mostMinutes(posted);
  const most = billedMinutes(rated.provenMs);
  if (charged > most)
    faults.push(`run ${run.id} was charged for ${charged} minutes, and its rows prove ${most}`);
  return { faults, notes: [dueNote(run.id, rated.minutes - charged)], rated };
}

function dueNote(runId: string, minutes: number): string {
  if (minutes === 0) return `run ${runId} has rows that were not looked at yet; they change no minute`;
  return minutes < 0
    ? `run ${runId} waits for a credit: ${-minutes} minutes were charged before they were waived`
    : `run ${runId} waits for a charge: ${minutes} minutes are proven and not charged yet`;
}

function settledFaults({ run }: ProofDocument, rated: RatedRun, posted: readonly MonthShare[]): string[] {
  const faults: string[] = [];
  const keyOf = (share: MonthShare) => `line ${share.line} in ${share.usageMonth}`;
  const owed = new Map(rated.shares.map((share) => [keyOf(share), share]));
  const paid = new Map(posted.map((share) => [keyOf(share), share]));
  for (const key of new Set([...owed.keys(), ...paid.keys()])) {
    const [due, done] = [owed.get(key), paid.get(key)];
    if ((due?.minutes ?? 0) !== (done?.minutes ?? 0) || (due?.amount ?? 0n) !== (done?.amount ?? 0n))
      faults.push(`${key}: the rows make ${shareText(due)}, and the records ${shareText(done)}`);
  }
  if (rated.waivedMs !== run.waived_ms)
    faults.push(
      `run ${run.id} is said to have ${run.waived_ms} ms waived, and what is waived is ${rated.waivedMs} ms`,
    );
  if (rated.minutes !== run.billed_minutes)
    faults.push(
      `run ${run.id} is said to have ${run.billed_minutes} minutes, and its rows make ${rated.minutes}`,
    );
  return faults;
}

function shareText(share: MonthShare | undefined): string {
  return `${share?.minutes ?? 0} minutes for ${formatPoints(share?.amount ?? 0n)}`;
}

/** Every line shows the minutes of the run. */
function mostMinutes(posted: readonly MonthShare[]): number {
  const sums = new Map<string, number>();
  for (const { line, minutes } of posted) sums.set(line, (sums.get(line) ?? 0) + minutes);
  return Math.max(0, ...sums.values());
}

function pricedLines({ lines }: ProofDocument): PricedLine[] | null {
  const priced = lines.flatMap(({ line, quantity, unit_price: unitPrice, billing_unit: billingUnit }) =>
    unitPrice === null || billingUnit === null
      ? []
      : [{ line, quantity: parseQuantity(quantity), unitPrice: parsePrice(unitPrice), billingUnit }],
  );
  return priced.length === lines.length ? priced : null;
}
