/**
 * What running instances are told to do should their host be cut off, by the money of who pays for them. The rule is
 * core/billing/cut-off-rule.ts; here are its numbers, and the placements that are told.
 */
import { parsePoints, type Points } from "@remotegpu/shared/values/money";
import {
  type CutOffRule,
  cutOffRule,
  NEAR_THE_END_HOURS,
  type Spending,
} from "../../core/billing/cut-off-rule.ts";
import type { OverdueStatus } from "../../core/accounts/account-state.ts";
import { GANG_STOP_AFTER_SECONDS } from "../../core/instances/desired-set.ts";
import { lockAccounts, type LockedAccount } from "../billing/ledger/ledger.ts";
import { wantedCosts } from "../billing/runs/run-lines.ts";
import type { Connection, Transaction } from "../database/database.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { accruedOf } from "./accrued.ts";

/** A gang's own end comes sooner than any that money sets. */
const OF_A_GANG = JSON.stringify({ stopAfterSeconds: GANG_STOP_AFTER_SECONDS });

/** Payers for whom something is wanted running that has to be told something, or was; in the order of their ids. */
export async function payersToNotify(sql: Connection, now: Date): Promise<number[]> {
  const { rows } = await sql.query<{ id: number; is_armed: boolean }>(
    `SELECT r.customer_id AS id, bool_or(p.live->>'onDisconnect' = 'stop_after' AND NOT p.live @> $1::jsonb) AS is_armed
       FROM placements p JOIN runs r ON r.id = p.run_id
      WHERE p.want = 'running' AND p.resources_released_at IS NULL GROUP BY 1 ORDER BY 1`,
    [OF_A_GANG],
  );
  const customerIds = rows.map(({ id }) => id);
  const rules = await rulesOf(sql, customerIds, now);
  return rows
    .filter(({ id, is_armed }) => is_armed || rules.get(id)?.onDisconnect === "stop_after")
    .map(({ id }) => id);
}

/** Answers the hosts whose desired set changed. */
export async function applyCutOffRule(
  sql: Transaction,
  { customerId, now }: { customerId: number; now: Date },
): Promise<string[]> {
  // Held, so that whoever comes last has seen the money as it is then.
  await lockAccounts(sql, [customerId]);
  const rules = await rulesOf(sql, [customerId], now);
  const hostIds = await notify(sql, rules, null);
  await raiseGenerations(sql, hostIds);
  return hostIds;
}

/**
 * For the transaction that places something: a host may be cut off a moment later. Call once its runs are open, with
 * the hosts that it holds and whose generations it raises, and with what an hour costs each payer by now. Other hosts
 * are told by the next pass, and so is whoever may run on again: what is placed here does so unless it is told otherwise.
 */
export async function armPlacements(
  sql: Transaction,
  {
    accounts,
    hourly,
    hostIds,
    now,
  }: {
    /** Of these payers at least, held. */
    accounts: ReadonlyMap<number, LockedAccount>;
    hourly: ReadonlyMap<number, Points>;
    hostIds: readonly string[];
    now: Date;
  },
): Promise<void> {
  const poor = [...hourly].flatMap(([id, hourly]) => {
    const account = accounts.get(id);
    return account === undefined || isRich(account.balance + account.creditLimit, hourly) ? [] : [id];
  });
  const rules = await rulesOf(sql, poor, now);
  const armed = new Map([...rules].filter(([, { onDisconnect }]) => onDisconnect === "stop_after"));
  if (armed.size > 0) await notify(sql, armed, hostIds);
}

/**
 * Twice what keeps it all: a day's use would have to be uncharged to make a difference. What has accrued of a thousand
 * runs is not added up for such a payer; the next pass does.
 */
function isRich(funds: Points, burnPerHour: Points): boolean {
  return funds >= 2n * NEAR_THE_END_HOURS * burnPerHour;
}

async function rulesOf(
  sql: Connection,
  customerIds: readonly number[],
  now: Date,
): Promise<Map<number, CutOffRule>> {
  if (customerIds.length === 0) return new Map();
  const spendings = await spendingOf(sql, customerIds, now);
  return new Map([...spendings].map(([id, spending]) => [id, cutOffRule(spending, now.getTime())]));
}

async function spendingOf(
  sql: Connection,
  customerIds: readonly number[],
  now: Date,
): Promise<Map<number, Spending>> {
  const accounts = await accountsOf(sql, customerIds);
  const costs = await wantedCosts(sql, { customerIds, at: now });
  const accrued = await accruedOf(sql, customerIds);
  return new Map(
    accounts.map((row) => [
      row.id,
      {
        status: row.overdue_status,
        overdueSinceMs: row.overdue_since?.getTime() ?? null,
        funds: parsePoints(row.funds) - (accrued.get(row.id) ?? 0n),
        unheard: costs.get(row.id)?.unheard ?? 0n,
        burnPerHour: costs.get(row.id)?.hourly ?? 0n,
      },
    ]),
  );
}

interface AccountRow {
  id: number;
  funds: string;
  overdue_status: OverdueStatus;
  overdue_since: Date | null;
}

async function accountsOf(sql: Connection, customerIds: readonly number[]): Promise<AccountRow[]> {
  const { rows } = await sql.query<AccountRow>(
    `SELECT id, (balance + credit_limit) AS funds, overdue_status, overdue_since FROM customers
      WHERE id = ANY($1::bigint[])`,
    [customerIds],
  );
  return rows;
}

/** Answers the hosts on which something is told anew. */
async function notify(
  sql: Connection,
  rules: ReadonlyMap<number, CutOffRule>,
  onHosts: readonly string[] | null,
): Promise<string[]> {
  const { rows } = await sql.change<{ host_id: string }>(
    `UPDATE placements p SET live = p.live || t.rule
       FROM runs r JOIN unnest($1::bigint[], $2::jsonb[]) AS t(payer, rule) ON t.payer = r.customer_id
      WHERE r.id = p.run_id AND r.closed_at IS NULL AND p.want = 'running' AND p.resources_released_at IS NULL
        AND ($4::text[] IS NULL OR p.host_id = ANY($4)) AND NOT p.live @> t.rule AND NOT p.live @> $3::jsonb
      RETURNING p.host_id`,
    [[...rules.keys()], [...rules.values()].map((rule) => JSON.stringify(rule)), OF_A_GANG, onHosts],
  );
  return [...new Set(rows.map(({ host_id }) => host_id))].sort();
}
