/**
 * The charge of one run: what rating says it costs by now less what was posted before, as billing records, a ledger
 * transaction and a new balance, all in the caller's transaction. Doing it again posts nothing.
 */
import { formatPoints, formatPrice, formatQuantity, parsePoints, type Points } from "@remotegpu/shared/money";
import { type BillingCalendar, invoiceMonth } from "../../core/billing-calendar.ts";
import { before, type ProvenTime, totalMs, without } from "../../core/proven-time.ts";
import {
  type Charge,
  chargesDue,
  type PricedLine,
  type RatedRun,
  rateRun,
  type Share,
} from "../../core/rating.ts";
import type { Connection } from "../database.ts";
import { lockAccount, postTransaction } from "./ledger.ts";
import { freezePrices, frozenLines } from "./run-lines.ts";
import { provenTimeOf } from "./run-time.ts";
import { waivedTimes, waiverReasons } from "./run-waivers.ts";
import type { Run } from "./runs.ts";

export interface ChargeMoment {
  /** When the charge counts as made: the arrival of a final row, or the full hour. */
  readonly at: Date;
  /** Time from here on is left for a later charge; null charges all that is proven. */
  readonly provenBefore: Date | null;
  readonly calendar: BillingCalendar;
}

export type ChargeResult =
  | { charged: true; amount: Points }
  /** `later-charge`: the run was charged after this moment already. `unrated`: the catalogue lacks a price. */
  | { charged: false; reason: "nothing-due" | "unrated" | "later-charge" };

/** Give it a run that the transaction holds; it takes the payer's balance. */
export async function chargeRun(
  transaction: Connection,
  run: Run,
  moment: ChargeMoment,
): Promise<ChargeResult> {
  const lines = await linesToCharge(transaction, run);
  if (lines === null) return { charged: false, reason: "unrated" };
  const posted = await postedShares(transaction, run.id);
  if (posted.lastAt !== null && posted.lastAt > moment.at) return { charged: false, reason: "later-charge" };

  const allProven = await provenTimeOf(transaction, run.id);
  const proven = before(allProven, moment.provenBefore?.getTime() ?? null);
  const waived = (await waivedTimes(transaction, [run])).get(run.id) ?? [];
  const rated = rateRun({ proven, waived, lines }, moment.calendar);
  const charges = chargesDue({ rated, posted: posted.shares, proven, waived }, moment.calendar);
  const amount = charges.reduce((sum, charge) => sum + charge.amount, 0n);
  if (charges.length > 0)
    await postCharges(transaction, { run, lines, charges, amount, moment, number: posted.count + 1 });
  await updateTotals(transaction, { run, allProven, waived, rated, amount });
  return charges.length > 0 ? { charged: true, amount } : { charged: false, reason: "nothing-due" };
}

/** A run that began while the catalogue had no price for it gets one as soon as there is one. */
async function linesToCharge(transaction: Connection, run: Run): Promise<PricedLine[] | null> {
  const lines = await frozenLines(transaction, run.id);
  if (lines !== null || run.firstProvenAt === null) return lines;
  await freezePrices(transaction, run, run.firstProvenAt);
  return frozenLines(transaction, run.id);
}

export interface PostedShares {
  /** By line and month of use. */
  readonly shares: Share[];
  readonly lastAt: Date | null;
  /** How many ledger transactions the run has had. */
  readonly count: number;
}

/** What was posted of a run so far. */
export async function postedShares(connection: Connection, runId: string): Promise<PostedShares> {
  const { rows } = await connection.query<{
    line: string;
    usage_month: string;
    minutes: number;
    amount: string;
    last_at: Date;
    transactions: number[];
  }>(
    `SELECT line, usage_month, sum(billing_minutes) AS minutes, sum(amount) AS amount, max(created_at) AS last_at,
            array_agg(DISTINCT transaction_id) FILTER (WHERE transaction_id IS NOT NULL) AS transactions
       FROM billing_records WHERE run_id = $1 GROUP BY line, usage_month`,
    [runId],
  );
  return {
    shares: rows.map((row) => ({
      line: row.line,
      usageMonth: row.usage_month.slice(0, 7),
      minutes: row.minutes,
      amount: parsePoints(row.amount),
    })),
    lastAt: rows.reduce<Date | null>(
      (last, row) => (last === null || row.last_at > last ? row.last_at : last),
      null,
    ),
    count: new Set(rows.flatMap((row) => row.transactions ?? [])).size,
  };
}

interface Bill {
  readonly run: Run;
  readonly lines: readonly PricedLine[];
  readonly charges: readonly Charge[];
  readonly amount: Points;
  readonly moment: ChargeMoment;
  /** Which of the run's postings this is, from 1. */
  readonly number: number;
}

async function postCharges(transaction: Connection, bill: Bill): Promise<void> {
  const { run, moment } = bill;
  const account = await lockAccount(transaction, run.customerId);
  if (account === null) throw new Error(`run ${run.id} has a payer ${run.customerId} that does not exist`);
  const transactionId = bill.amount === 0n ? null : await postAmount(transaction, bill);
  for (const charge of bill.charges) {
    const line = bill.lines.find((one) => one.line === charge.line);
    await transaction.query(
      `INSERT INTO billing_records (customer_id, workspace_id, resource_type, resource_id, resource_name, run_id, line,
         quantity, unit_price, billing_unit, billing_minutes, amount, currency, start_time, end_time, usage_month,
         invoice_month, transaction_id, created_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
      [
        run.customerId,
        run.workspaceId,
        run.resourceType,
        run.resourceId,
        run.resourceName,
        run.id,
        charge.line,
        // A line that a re-priced run no longer has is only taken back; its old record names quantity and price.
        line === undefined ? "0" : formatQuantity(line.quantity),
        line === undefined ? "0" : formatPrice(line.unitPrice),
        line?.billingUnit ?? "minute",
        charge.minutes,
        formatPoints(charge.amount),
        account.currency,
        new Date(charge.fromMs),
        new Date(charge.toMs),
        `${charge.usageMonth}-01`,
        `${invoiceMonth(charge.usageMonth, moment.at.getTime(), moment.calendar)}-01`,
        transactionId,
        moment.at,
      ],
    );
  }
}

/**
 * The run is held, so its postings can be counted: the same one cannot be made twice. One that gives money back says
 * why; only waived time does.
 */
async function postAmount(transaction: Connection, { run, number, amount, moment }: Bill): Promise<number> {
  const sourceId = `${run.id}/${number}`;
  const isCredit = amount < 0n;
  const posted = await postTransaction(transaction, {
    sourceKind: isCredit ? "credit" : "charge",
    sourceId,
    customerId: run.customerId,
    runId: run.id,
    amount: 0n - amount,
    contra: "revenue",
    at: moment.at,
    reason: isCredit ? await waiverReasons(transaction, run.id) : null,
    actor: "control-plane",
  });
  if (!posted.posted) throw new Error(`charge ${sourceId} cannot be posted: ${posted.reason}`);
  return posted.transactionId;
}

async function updateTotals(
  transaction: Connection,
  totals: { run: Run; allProven: ProvenTime; waived: ProvenTime; rated: RatedRun; amount: Points },
): Promise<void> {
  const provenMs = totalMs(totals.allProven);
  const waivedMs = provenMs - totalMs(without(totals.allProven, totals.waived));
  await transaction.query(
    `UPDATE runs SET billed_minutes = $2, waived_ms = $3, posted_amount = posted_amount + $4::numeric, uncharged = $5
      WHERE id = $1`,
    [
      totals.run.id,
      totals.rated.minutes,
      waivedMs,
      formatPoints(totals.amount),
      // Time beyond the moment of the charge waits for the next one.
      totals.rated.provenMs < provenMs,
    ],
  );
}

/** Runs with time that no charge has counted yet, in the order of their ids. */
export async function unchargedRuns(
  connection: Connection,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await connection.query<{ id: string }>(
    "SELECT id FROM runs WHERE uncharged AND id > $1 ORDER BY id LIMIT $2",
    [after, limit],
  );
  return rows.map((row) => row.id);
}
