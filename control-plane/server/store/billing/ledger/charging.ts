/**
 * The charge of runs: what rating says each costs by now less what was posted before, as billing records, ledger
 * transactions and new balances, all in the caller's transaction. Each run is rated by itself; what is asked and written
 * is asked and written once for all of them. Doing it again posts nothing.
 */
import {
  formatPoints,
  formatPrice,
  formatQuantity,
  MAX_POINTS,
  type Points,
} from "@remotegpu/shared/values/money";
import { fundsOf } from "../../../core/accounts/account-state.ts";
import { type BillingCalendar, invoiceMonth } from "../../../core/billing/billing-calendar.ts";
import { before, type ProvenTime, totalMs, without } from "../../../core/billing/proven-time.ts";
import {
  type Charge,
  chargesDue,
  type PricedLine,
  type RatedRun,
  rateRun,
} from "../../../core/billing/rating.ts";
import { raiseAlarmsOnce } from "../../events/alarms.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { type LockedAccount, lockAccounts, type Posting, postTransactions } from "./ledger.ts";
import { refundedOfRuns } from "./payments.ts";
import { type RateableRun, rateableRuns } from "../runs/rateable-runs.ts";
import { freezePrices, frozenLinesOf, type PriceTaking } from "../runs/run-lines.ts";
import { type RunTotals, writeRunTotals } from "../runs/run-totals.ts";
import { EARLIER_PRICE, waiverReasons } from "../runs/run-waivers.ts";
import type { Run } from "../runs/runs.ts";

export interface ChargeMoment {
  /** When the charge counts as made: the arrival of a final row, or the full hour. */
  readonly at: Date;
  /** Time from here on is left for a later charge; null charges all that is proven. */
  readonly provenBefore: Date | null;
  readonly calendar: BillingCalendar;
}

type ChargeResult =
  | { charged: true; amount: Points }
  /**
   * `later-charge`: the run was charged after this moment already. `unrated`: the catalogue lacks a price.
   * `beyond-column`: an amount or the balance would be more than can be kept; an alarm says so.
   */
  | { charged: false; reason: "nothing-due" | Unbilled };

/** Why a run has no bill now; it stays uncharged, and holds up no other. */
type Unbilled = "unrated" | "later-charge" | "beyond-column";

/**
 * Give it runs that the transaction holds, as they are to be written: closed where their end is known by now; and all
 * that is proven of them, as provenTimes tells it. It takes the payers' balances, in the order of their ids, and makes
 * the runs' postings in the order of the runs.
 * @returns results by run
 */
export async function chargeRuns(
  sql: Transaction,
  runs: readonly Run[],
  proven: ReadonlyMap<string, ProvenTime>,
  moment: ChargeMoment,
): Promise<Map<string, ChargeResult>> {
  if (runs.length === 0) return new Map();
  const lines = await frozenLines(sql, runs);
  const requested = (await rateableRuns(sql, runs, { lines, proven })).map(({ run, rateable }) => {
    return { run, proven: rateable.proven, bill: billOf(run, rateable, moment) };
  });
  const bills = requested.flatMap(({ bill }) => (typeof bill === "string" ? [] : bill));
  const due = bills.filter(({ charges }) => charges.length > 0);
  const refused = await postBills(sql, due, moment);
  const rated = requested.map((one) => ({
    ...one,
    bill: refused.has(one.run.id) ? ("beyond-column" as const) : one.bill,
  }));
  await writeRunTotals(
    sql,
    rated.map(({ run, proven, bill }) => ({
      runId: run.id,
      proven,
      closedAt: run.closedAt,
      bill: typeof bill === "string" ? null : totalsOf(bill),
    })),
  );
  return new Map(rated.map(({ run, bill }) => [run.id, resultOf(bill)]));
}

function resultOf(bill: Bill | Unbilled): ChargeResult {
  if (typeof bill === "string") return { charged: false, reason: bill };
  const { charges, amount } = bill;
  return charges.length > 0 ? { charged: true, amount } : { charged: false, reason: "nothing-due" };
}

function totalsOf({ rated, waivedMs, amount, provenMs }: Bill): RunTotals["bill"] {
  return { minutes: rated.minutes, waivedMs, amount, leavesTime: rated.provenMs < provenMs };
}

/** A run that began while the catalogue had no price for it gets one as soon as there is one. */
async function frozenLines(sql: Transaction, runs: readonly Run[]): Promise<Map<string, PricedLine[]>> {
  const ids = runs.map(({ id }) => id);
  const frozen = await frozenLinesOf(sql, ids);
  const open = runs.flatMap((run): PriceTaking[] =>
    frozen.has(run.id) || run.firstProvenAt === null ? [] : [{ run, at: run.firstProvenAt }],
  );
  if (open.length === 0) return frozen;
  await freezePrices(sql, open);
  return frozenLinesOf(sql, ids);
}

interface Bill {
  readonly run: Run;
  readonly lines: readonly PricedLine[];
  readonly rated: RatedRun;
  readonly charges: readonly Charge[];
  readonly amount: Points;
  /** The time of all that is proven, beyond the moment of the charge included. */
  readonly provenMs: number;
  readonly waivedMs: number;
  /** Which of the run's postings this would be, from 1. */
  readonly number: number;
}

function billOf(
  run: Run,
  { lines, proven: allProven, waived, posted }: RateableRun,
  { at, provenBefore, calendar }: ChargeMoment,
): Bill | Unbilled {
  if (lines === null) return "unrated";
  if (posted.lastAt !== null && posted.lastAt > at) return "later-charge";
  const proven = before(allProven, provenBefore?.getTime() ?? null);
  const rated = rateRun({ proven, waived, lines }, calendar);
  const charges = chargesDue({ rated, posted: posted.shares, proven, waived }, calendar);
  const provenMs = totalMs(allProven);
  return {
    run,
    lines,
    rated,
    charges,
    amount: charges.reduce((sum, charge) => sum + charge.amount, 0n),
    provenMs,
    waivedMs: provenMs - totalMs(without(allProven, waived)),
    number: posted.count + 1,
  };
}

/** @returns the runs whose bills cannot be posted */
async function postBills(
  sql: Transaction,
  bills: readonly Bill[],
  moment: ChargeMoment,
): Promise<ReadonlySet<string>> {
  if (bills.length === 0) return new Set();
  const accounts = await lockAccounts(sql, [...new Set(bills.map(({ run }) => run.customerId))]);
  for (const { run } of bills)
    if (!accounts.has(run.customerId))
      throw new Error(`run ${run.id} has a payer ${run.customerId} that does not exist`);
  const keepable = bills.filter(fitsColumns);
  const transactionIds = await postAmounts(sql, keepable, { accounts, at: moment.at });
  const posted = keepable.filter(({ run, amount }) => amount === 0n || transactionIds.has(run.id));
  await insertRecords(sql, { bills: posted, accounts, transactionIds }, moment);
  const stored = new Set(posted);
  const refused = bills.filter((bill) => !stored.has(bill));
  await raiseAlarmsOnce(sql, {
    kind: "charge-beyond-column",
    alarms: refused.map(({ run, amount }) => ({
      subject: run.id,
      reason: {
        code: "run-beyond-balance" as const,
        params: { amount: formatPoints(amount), customer_id: run.customerId },
      },
    })),
    now: moment.at,
  });
  return new Set(refused.map(({ run }) => run.id));
}

/** Whether what is written for the run itself fits its columns; what the balance can hold is the ledger's rule. */
function fitsColumns({ run, charges, amount }: Bill): boolean {
  return [run.postedAmount + amount, ...charges.map((charge) => charge.amount)].every(
    (points) => points <= MAX_POINTS && points + MAX_POINTS >= 0n,
  );
}

/**
 * The runs are held, so their postings can be counted: the same one cannot be made twice. One that gives money back
 * says why. What of that was refunded before is taken back with it: nobody gets more back than was charged.
 * @returns the ledger transactions of the runs; missing where the balance cannot hold the amount
 */
async function postAmounts(
  sql: Transaction,
  bills: readonly Bill[],
  { accounts, at }: { accounts: ReadonlyMap<number, LockedAccount>; at: Date },
): Promise<Map<string, number>> {
  const posted = bills.filter(({ amount }) => amount !== 0n);
  const credited = posted.filter(({ amount }) => amount < 0n).map(({ run }) => run.id);
  const reasons = await waiverReasons(sql, credited);
  const refunded = await refundedOfRuns(sql, credited);
  const funds = new Map([...accounts].map(([customerId, account]) => [customerId, fundsOf(account)]));
  const postings = posted.flatMap((bill) => {
    const { run, amount } = bill;
    const excess = (refunded.get(run.id) ?? 0n) - (run.postedAmount + amount);
    const isTakenBack = amount < 0n && excess > 0n;
    const before = funds.get(run.customerId) ?? 0n;
    funds.set(run.customerId, before - amount - (isTakenBack ? excess : 0n));
    const own = postingOf(bill, { at, reason: reasons.get(run.id) });
    if (!isTakenBack) return [own];
    const back = takingBack(bill, { at, excess });
    // In the order in which the account does not become overdue, or normal, in between.
    return before > 0n ? [own, back] : [back, own];
  });
  const outcomes = await postTransactions(sql, postings);
  const ids = new Map<string, number>();
  for (const [index, { sourceKind, sourceId, runId = "" }] of postings.entries()) {
    const outcome = outcomes[index];
    if (outcome?.posted === true) {
      if (sourceKind !== "refund") ids.set(runId, outcome.transactionId);
    } else if (outcome?.reason !== "beyond-column")
      throw new Error(`${sourceKind} ${sourceId} cannot be posted: ${outcome?.reason ?? "no answer"}`);
  }
  return ids;
}

function postingOf(
  { run, number, amount }: Bill,
  { at, reason }: { at: Date; reason: string | undefined },
): Posting {
  const isCredit = amount < 0n;
  return {
    sourceKind: isCredit ? "credit" : "charge",
    sourceId: `${run.id}/${number}`,
    customerId: run.customerId,
    runId: run.id,
    amount: 0n - amount,
    contra: "revenue",
    at,
    // Time that is waived has its reason.
    reason: isCredit ? (reason ?? EARLIER_PRICE) : null,
    actor: "control-plane",
  };
}

function takingBack({ run, number }: Bill, { at, excess }: { at: Date; excess: Points }): Posting {
  return {
    sourceKind: "refund",
    sourceId: `${run.id}/${number}/taken-back`,
    customerId: run.customerId,
    runId: run.id,
    amount: 0n - excess,
    contra: "revenue",
    at,
    reason: "was refunded before, and is not charged any more",
    actor: "control-plane",
  };
}

async function insertRecords(
  sql: Transaction,
  posted: {
    bills: readonly Bill[];
    accounts: ReadonlyMap<number, LockedAccount>;
    transactionIds: ReadonlyMap<string, number>;
  },
  { at, calendar }: ChargeMoment,
): Promise<void> {
  const records = posted.bills.flatMap(({ run, lines, charges }) =>
    charges.map((charge) => ({ run, charge, line: lines.find((one) => one.line === charge.line) })),
  );
  await sql.change(
    `INSERT INTO billing_records (customer_id, workspace_id, resource_type, resource_id, resource_name, run_id, line,
       quantity, unit_price, billing_unit, billing_minutes, amount, currency, start_time, end_time, usage_month,
       invoice_month, transaction_id, created_at)
     SELECT r.customer_id, r.workspace_id, r.resource_type, r.resource_id, r.resource_name, r.run_id, r.line, r.quantity,
            r.unit_price, r.billing_unit, r.billing_minutes, r.amount, r.currency, r.start_time, r.end_time,
            r.usage_month, r.invoice_month, r.transaction_id, $19
       FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::numeric[],
                   $9::numeric[], $10::text[], $11::int[], $12::numeric[], $13::text[], $14::timestamptz[],
                   $15::timestamptz[], $16::date[], $17::date[], $18::bigint[]) WITH ORDINALITY
         r (customer_id, workspace_id, resource_type, resource_id, resource_name, run_id, line, quantity, unit_price,
            billing_unit, billing_minutes, amount, currency, start_time, end_time, usage_month, invoice_month,
            transaction_id, nth)
      ORDER BY r.nth`,
    [
      records.map(({ run }) => run.customerId),
      records.map(({ run }) => run.workspaceId),
      records.map(({ run }) => run.resourceType),
      records.map(({ run }) => run.resourceId),
      records.map(({ run }) => run.resourceName),
      records.map(({ run }) => run.id),
      records.map(({ charge }) => charge.line),
      // A line that a re-priced run no longer has is only taken back; its old record names quantity and price.
      records.map(({ line }) => (line === undefined ? "0" : formatQuantity(line.quantity))),
      records.map(({ line }) => (line === undefined ? "0" : formatPrice(line.unitPrice))),
      records.map(({ line }) => line?.billingUnit ?? "minute"),
      records.map(({ charge }) => charge.minutes),
      records.map(({ charge }) => formatPoints(charge.amount)),
      records.map(({ run }) => posted.accounts.get(run.customerId)?.currency),
      records.map(({ charge }) => new Date(charge.fromMs).toISOString()),
      records.map(({ charge }) => new Date(charge.toMs).toISOString()),
      records.map(({ charge }) => `${charge.usageMonth}-01`),
      records.map(({ charge }) => `${invoiceMonth(charge.usageMonth, at.getTime(), calendar)}-01`),
      records.map(({ run }) => posted.transactionIds.get(run.id) ?? null),
      at,
    ],
  );
}

/** Runs with time that no charge has counted yet, in the order of their ids. */
export async function unchargedRuns(
  sql: Connection,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    "SELECT id FROM runs WHERE uncharged AND id > $1 ORDER BY id LIMIT $2",
    [after, limit],
  );
  return rows.map((row) => row.id);
}
