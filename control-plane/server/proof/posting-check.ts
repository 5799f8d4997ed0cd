/**
 * Do the records of a proof follow from each other? Posting by posting, each line's sum of minutes and money has to be
 * what those minutes cost, rounded once on the cumulative minutes and split by month: so every single amount is
 * computed anew. Whether the minutes are the proven ones is charge-check.ts's to say.
 */
import { parsePoints, parsePrice, parseQuantity, type Points } from "@remotegpu/shared/values/money";
import { amountOf, type PricedLine, type MonthShare } from "../core/billing/rating.ts";
import type { BillRecord, ProofDocument } from "./proof-document.ts";

export interface CheckedPostings {
  readonly faults: readonly string[];
  /** What is posted, by line and month of use. */
  readonly posted: readonly MonthShare[];
}

interface PostedLine {
  readonly line: string;
  priced: PricedLine;
  readonly months: Map<string, { minutes: number; amount: Points }>;
  /** After a first fault nothing can be said of what follows it. */
  isJudged: boolean;
}

export function checkPostings({ records, lines }: ProofDocument): CheckedPostings {
  const faults: string[] = [];
  const posted = new Map<string, PostedLine>();
  const ids = new Set<number>();
  for (const record of records) {
    if (ids.has(record.id)) faults.push(`record ${record.id} is here twice`);
    ids.add(record.id);
  }
  for (const posting of postingsOf(records)) {
    faults.push(...pricesAtOnce(posting));
    for (const record of posting) add(posted, record);
    for (const line of posted.values()) faults.push(...faultsAfter(posting, line));
  }
  for (const { line, quantity, unit_price: unitPrice, billing_unit: billingUnit } of lines) {
    const last = posted.get(line)?.priced;
    if (last === undefined || unitPrice === null) continue;
    const isFrozen =
      last.unitPrice === parsePrice(unitPrice) &&
      last.quantity === parseQuantity(quantity) &&
      last.billingUnit === billingUnit;
    if (!isFrozen) faults.push(`the last record of line ${line} has another price or quantity than the run`);
  }
  return { faults, posted: [...posted.values()].flatMap(sharesOf) };
}

/** Records of one moment that were posted together, in order; one that moved no money has no ledger transaction. */
function postingsOf(records: readonly BillRecord[]): BillRecord[][] {
  const postings: BillRecord[][] = [];
  for (const record of records.toSorted((a, b) => a.id - b.id)) {
    const last = postings.at(-1)?.at(-1);
    const isSame =
      last !== undefined &&
      last.transaction_id === record.transaction_id &&
      last.created_at === record.created_at;
    if (isSame) postings.at(-1)?.push(record);
    else postings.push([record]);
  }
  return postings;
}

/** Several months of a line have one price, which is how the next check knows it. */
function pricesAtOnce(posting: readonly BillRecord[]): string[] {
  const lines = new Set(posting.map((record) => record.line));
  return [...lines].flatMap((line) => {
    const records = posting.filter((record) => record.line === line);
    const prices = records.map((one) => `${one.quantity} ${one.unit_price} ${one.billing_unit}`);
    return new Set(prices).size > 1
      ? [`record ${records.map(({ id }) => id).join(", ")}: line ${line} has several prices at one moment`]
      : [];
  });
}

function add(posted: Map<string, PostedLine>, record: BillRecord): void {
  const known = posted.get(record.line);
  const line = known ?? {
    line: record.line,
    priced: pricedLine(record),
    months: new Map<string, { minutes: number; amount: Points }>(),
    isJudged: true,
  };
  line.priced = pricedLine(record);
  const month = line.months.get(record.usage_month) ?? { minutes: 0, amount: 0n };
  line.months.set(record.usage_month, {
    minutes: month.minutes + record.billing_minutes,
    amount: month.amount + parsePoints(record.amount),
  });
  posted.set(record.line, line);
}

function pricedLine(record: BillRecord): PricedLine {
  return {
    line: record.line,
    quantity: parseQuantity(record.quantity),
    unitPrice: parsePrice(record.unit_price),
    billingUnit: record.billing_unit,
  };
}

function faultsAfter(posting: readonly BillRecord[], line: PostedLine): string[] {
  if (!line.isJudged) return [];
  let minutesBefore = 0;
  for (const { usageMonth, minutes, amount } of sharesOf(line)) {
    const minutesAtEnd = minutesBefore + minutes;
    const owed = amountOf(line.priced, minutesAtEnd) - amountOf(line.priced, minutesBefore);
    minutesBefore = minutesAtEnd;
    if (amount === owed && minutes >= 0) continue;
    line.isJudged = false;
    const own = posting.filter((one) => one.line === line.line);
    const inMonth = own.filter((one) => one.usage_month === usageMonth);
    const named = (inMonth.length > 0 ? inMonth : own.length > 0 ? own : posting).map(({ id }) => id);
    return [
      `record ${named.join(", ")}: line ${line.line} does not come to what ${minutes} minutes of ${usageMonth} cost`,
    ];
  }
  return [];
}

function sharesOf({ line, months }: PostedLine): MonthShare[] {
  return [...months]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([usageMonth, sums]) => ({ line, usageMonth, ...sums }));
}
