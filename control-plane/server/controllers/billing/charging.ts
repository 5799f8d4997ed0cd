/**
 * The hour tick: by the leader, one per UTC hour, in order, missed ones under their nominal hour. Runs are charged some
 * hundreds in a transaction, then the day of storage that has ended, then the accounts are settled; a tick that was cut
 * off half way goes on where it was, because what is charged already has no difference left to post. Where midnights
 * are at no full hour (+05:30), storage is charged at them, too, under their own name.
 */
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { chargeRuns, unchargedRuns } from "../../store/billing/ledger/charging.ts";
import { accountsToSettle, settleAccount } from "../../store/spending/suspensions.ts";
import { raiseAlarmOnce } from "../../store/events/alarms.ts";
import type { Database } from "../../store/database/database.ts";
import { StoreError } from "../../store/database/store-error.ts";
import { transaction } from "../../store/database/transaction.ts";
import { customersToWarn, warnOfRisk } from "../../store/spending/warnings.ts";
import {
  countCharges,
  finishHour,
  fullHour,
  nextHour,
  startHour,
} from "../../store/billing/ledger/hour-ticks.ts";
import { assertTerm } from "../../store/database/leader.ts";
import { closeDueMonths } from "./month-closing.ts";
import { provenTimes } from "../../store/billing/runs/run-time.ts";
import { lockRuns } from "../../store/billing/runs/runs.ts";
import {
  type BillingCalendar,
  type BillingDay,
  dayEndedWithin,
} from "../../core/billing/billing-calendar.ts";
import { chargeStorageDay } from "../../store/billing/storage/day-charge.ts";
import { workspacesToCharge } from "../../store/billing/storage/day-samples.ts";
import { countSealedCopies } from "../../store/billing/storage/sealed-samples.ts";
import { notifyHourAlerts } from "./hour-alerts.ts";

/** The runs of one transaction: whoever starts, stops or tops up waits for it, and it holds the lease's row. */
const RUNS_PER_PAGE = 300;
const WORKSPACES_PER_PAGE = 500;
/** After a long pause a wake-up catches up this many hours; the next one goes on. */
const MAX_HOURS_PER_WAKE = 24;

export interface ChargingDeps {
  readonly db: Database;
  readonly calendar: BillingCalendar;
}

export interface HourReport {
  readonly hour: Date;
  readonly runsCharged: number;
  /** Workspaces whose day of storage was charged, be it nothing. */
  readonly storageDaysCharged: number;
  readonly suspended: readonly number[];
  /** Hosts whose desired set changed: nudge them. */
  readonly hostIds: readonly string[];
}

/**
 * Charges the hours that have come, and the day of storage that has ended since the last of them.
 * @throws LeadershipLostError when another replica leads by now; StoreError when the database failed
 */
export async function chargeDueHours(
  deps: ChargingDeps,
  { term, now }: { term: number; now: Date },
): Promise<HourReport[]> {
  const reports: HourReport[] = [];
  while (reports.length < MAX_HOURS_PER_WAKE) {
    const hour = await transaction(deps.db, async (sql) => {
      await assertTerm(sql, term);
      const next = await nextHour(sql, { now, term });
      if (next !== null) await startHour(sql, { hour: next, term, now });
      return next;
    });
    if (hour === null) {
      await chargeDayOfThisHour(deps, { term, now });
      break;
    }
    reports.push(await chargeHour(deps, { hour, term, now }));
  }
  return reports;
}

/** A midnight within the hour that goes on. All hours before it are charged; the next tick finds it done. */
async function chargeDayOfThisHour(
  deps: ChargingDeps,
  { term, now }: { term: number; now: Date },
): Promise<void> {
  const since = { afterMs: fullHour(now).getTime(), untilMs: now.getTime() };
  await chargeStorageOf(deps, dayEndedWithin(since, deps.calendar), term);
}

interface Tick {
  readonly hour: Date;
  readonly term: number;
  readonly now: Date;
}

async function chargeHour(deps: ChargingDeps, tick: Tick): Promise<HourReport> {
  const hourMs = tick.hour.getTime();
  await transaction(deps.db, async (sql) => {
    await assertTerm(sql, tick.term);
    await countSealedCopies(sql, tick.hour);
  });
  const midHour = { afterMs: hourMs - MS_PER_HOUR, untilMs: hourMs - 1 };
  const daysBefore = await chargeStorageOf(deps, dayEndedWithin(midHour, deps.calendar), tick.term);
  const runsCharged = await chargeAllRuns(deps, tick);
  const thisMoment = { afterMs: hourMs - 1, untilMs: hourMs };
  const daysNow = await chargeStorageOf(deps, dayEndedWithin(thisMoment, deps.calendar), tick.term);
  const settled = await settleAccounts(deps, tick);
  await warnOfRisks(deps, tick);
  await notifyHourAlerts(deps, tick);
  await closeDueMonths(deps, tick);
  await transaction(deps.db, async (sql) => {
    await assertTerm(sql, tick.term);
    await finishHour(sql, tick);
  });
  return { hour: tick.hour, runsCharged, storageDaysCharged: daysBefore + daysNow, ...settled };
}

async function chargeAllRuns({ db, calendar }: ChargingDeps, tick: Tick): Promise<number> {
  let charged = 0;
  let page = await unchargedRuns(db, { after: "", limit: RUNS_PER_PAGE });
  while (page.length > 0) {
    charged += await chargePageOrEach(db, page, { ...tick, calendar });
    page = await unchargedRuns(db, { after: page.at(-1) ?? "", limit: RUNS_PER_PAGE });
  }
  return charged;
}

/** Should one run's rows be such that its charge fails whoever tries, it is left uncharged, and the others are not. */
async function chargePageOrEach(
  db: Database,
  runIds: readonly string[],
  tick: Tick & { calendar: BillingCalendar },
): Promise<number> {
  try {
    return await chargePage(db, runIds, tick);
  } catch (error) {
    if (!isOfTheRows(error)) throw error;
    if (runIds.length === 1) return await leaveUncharged(db, { runId: runIds[0] ?? "", error }, tick);
  }
  let charged = 0;
  for (const runId of runIds) charged += await chargePageOrEach(db, [runId], tick);
  return charged;
}

async function leaveUncharged(
  db: Database,
  { runId, error }: { runId: string; error: unknown },
  { term, now }: Tick,
): Promise<0> {
  const detail = error instanceof Error ? error.message : String(error);
  await transaction(db, async (sql) => {
    await assertTerm(sql, term);
    await raiseAlarmOnce(sql, {
      kind: "charge-failed",
      subject: runId,
      reason: { code: "charge-refused", params: { detail: detail.slice(0, 500) } },
      now,
    });
  });
  return 0;
}

/** Postgres refuses a value or a constraint, or rating does: with the same rows it will again. */
function isOfTheRows(error: unknown): boolean {
  if (error instanceof StoreError) return /^(22|23)/.test(error.code ?? "");
  return error instanceof RangeError || error instanceof TypeError;
}

async function chargePage(
  db: Database,
  runIds: readonly string[],
  { hour, term, calendar }: Tick & { calendar: BillingCalendar },
): Promise<number> {
  return transaction(db, async (sql) => {
    await assertTerm(sql, term);
    const runs = [...(await lockRuns(sql, runIds)).values()].filter(({ uncharged }) => uncharged);
    const proven = await provenTimes(
      sql,
      runs.map(({ id }) => id),
    );
    const results = await chargeRuns(sql, runs, proven, { at: hour, provenBefore: hour, calendar });
    const amounts = [...results.values()].flatMap((result) => (result.charged ? [result.amount] : []));
    if (amounts.length > 0) {
      const amount = amounts.reduce((sum, one) => sum + one, 0n);
      await countCharges(sql, hour, { runs: amounts.length, amount });
    }
    return amounts.length;
  });
}

/** A day that has ended, of every workspace, whatever the accounts' states; null charges nothing. */
async function chargeStorageOf(
  { db, calendar }: ChargingDeps,
  day: BillingDay | null,
  term: number,
): Promise<number> {
  if (day === null) return 0;
  let charged = 0;
  let page = await workspacesToCharge(db, { day, after: 0, limit: WORKSPACES_PER_PAGE });
  while (page.length > 0) {
    for (const workspaceId of page) {
      const isCharged = await transaction(db, async (sql) => {
        await assertTerm(sql, term);
        return chargeStorageDay(sql, { workspaceId, day, calendar });
      });
      if (isCharged) charged += 1;
    }
    page = await workspacesToCharge(db, { day, after: page.at(-1) ?? 0, limit: WORKSPACES_PER_PAGE });
  }
  return charged;
}

async function settleAccounts(
  { db }: ChargingDeps,
  { hour, term, now }: Tick,
): Promise<{ suspended: number[]; hostIds: string[] }> {
  const suspended: number[] = [];
  const hostIds = new Set<string>();
  for (const customerId of await accountsToSettle(db, hour)) {
    const settled = await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      return settleAccount(sql, { customerId, hour, now });
    });
    if (settled.suspended) suspended.push(customerId);
    for (const hostId of settled.hostIds) hostIds.add(hostId);
  }
  return { suspended, hostIds: [...hostIds] };
}

async function warnOfRisks(
  { db }: ChargingDeps,
  { hour, term }: { hour: Date; term: number },
): Promise<void> {
  for (const customerId of await customersToWarn(db, hour))
    await transaction(db, async (sql) => {
      await assertTerm(sql, term);
      await warnOfRisk(sql, { customerId, hour });
    });
}
