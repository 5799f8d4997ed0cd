/**
 * Closes the months that are due at a full hour, in order, as the last part of its tick: every charge of an earlier hour
 * is posted by then, and one of this hour or a later one goes on a later invoice by itself. Each step is a transaction
 * of its own, and a closing that was cut off goes on where it was.
 */
import {
  type BillingCalendar,
  lastClosedMonth,
  type Month,
  monthAfter,
  monthEnd,
  monthStart,
} from "../../core/billing/billing-calendar.ts";
import {
  beginClosing,
  type ClosingMoment,
  firstInvoiceMonth,
  issueInvoices,
  lastClosing,
  settleInvoices,
} from "../../store/billing/bills/closing.ts";
import type { Database, Transaction } from "../../store/database/database.ts";
import { transaction } from "../../store/database/transaction.ts";
import { assertTerm } from "../../store/database/leader.ts";

/** A leader's transaction must end before its lease; a page takes a fraction of a second. */
const CUSTOMERS_PER_PAGE = 200;

interface Tick {
  readonly hour: Date;
  readonly term: number;
  readonly now: Date;
}

/** @throws LeadershipLostError when another replica leads by now; StoreError when the database failed */
export async function closeDueMonths(
  { db, calendar }: { db: Database; calendar: BillingCalendar },
  tick: Tick,
): Promise<void> {
  const due = lastClosedMonth(tick.hour.getTime(), calendar);
  for (
    let month = await nextMonth(db, due, calendar);
    month <= due;
    month = await nextMonth(db, due, calendar)
  ) {
    const closing = { ...tick, month };
    await asLeader(db, tick, (tx) => beginClosing(tx, closing));
    await issueAll(db, closing, calendar);
  }
  await asLeader(db, tick, (tx) => settleInvoices(tx, tick.now));
}

/** Beyond `due` when all is done. A database that never closed any begins with its first record. */
async function nextMonth(db: Database, due: Month, calendar: BillingCalendar): Promise<Month> {
  const last = await lastClosing(db);
  if (last !== null) return last.isFinished ? monthAfter(last.month, calendar) : last.month;
  const first = await firstInvoiceMonth(db);
  return first === null || first > due ? due : first;
}

async function issueAll(db: Database, closing: ClosingMoment, calendar: BillingCalendar): Promise<void> {
  const page = {
    ...closing,
    from: new Date(monthStart(closing.month, calendar)),
    to: new Date(monthEnd(closing.month, calendar)),
    customers: CUSTOMERS_PER_PAGE,
  };
  for (let isFinished = false; !isFinished;)
    isFinished = await asLeader(db, closing, (tx) => issueInvoices(tx, page));
}

async function asLeader<T>(
  db: Database,
  { term }: { term: number },
  work: (sql: Transaction) => Promise<T>,
): Promise<T> {
  return transaction(db, async (sql) => {
    await assertTerm(sql, term);
    return work(sql);
  });
}
