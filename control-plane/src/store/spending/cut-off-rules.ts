/**
 * What running instances are told to do should their host be cut off, by the money of who pays for them. The rule is
 * core/cut-off-rule.ts; here are its numbers, and the placements that are told.
 */
import { parsePoints } from "@remotegpu/shared/money";
import { type CutOffRule, cutOffRule, NEAR_THE_END_HOURS, type Spending } from "../../core/cut-off-rule.ts";
import type { OverdueStatus } from "../../core/account-state.ts";
import { GANG_STOP_AFTER_SECONDS } from "../../core/desired-set.ts";
import { lockAccounts } from "../billing/ledger.ts";
import { wantedCosts } from "../billing/run-lines.ts";
import type { Connection } from "../database.ts";
import { raiseGenerations } from "../hosts/hosts.ts";
import { accruedOf } from "./accrued.ts";

/** A gang's own end comes sooner than any that money sets. */
const OF_A_GANG = JSON.stringify({ stopAfterSeconds: GANG_STOP_AFTER_SECONDS });

/** Payers for whom something is wanted running that has to be told something, or was; in the order of their ids. */
export async function payersToTell(sql: Connection, now: Date): Promise<number[]> {
  const { rows } = await sql.query<{ id: number; is_armed: boolean }>(
    `SELECT r.customer_id AS id, bool_or(p.live->>'onDisconnect' = 'stop_after' AND NOT p.live @> $1::jsonb) AS is_armed
       FROM placements p JOIN runs r ON r.id = p.run_id
      WHERE p.want = 'running' AND p.resources_released_at IS NULL GROUP BY 1 ORDER BY 1`,
    [OF_A_GANG],
  );
  const customerIds = rows.map(({ id }) => id);
  const rules = await rulesOf(sql, { customerIds, now });
  return rows
    .filter(({ id, is_armed }) => is_armed || rules.get(id)?.onDisconnect === "stop_after")
    .map(({ id }) => id);
}

/** Call in a transaction. Answers the hosts whose desired set changed. */
export async function applyCutOffRule(
  sql: Connection,
  { customerId, now }: { customerId: number; now: Date },
): Promise<string[]> {
  // Held, so that whoever comes last has seen the money as it is then.
  await lockAccounts(sql, [customerId]);
  const rules = await rulesOf(sql, { customerIds: [customerId], now });
  const hostIds = await tell(sql, { rules, onHosts: null });
  await raiseGenerations(sql, hostIds);
  return hostIds;
}

/**
 * For the transaction that places something: a host may be cut off a moment later. Call once its runs are open, with
 * the payers and hosts that it holds and whose generations it raises; other hosts are told by the next pass.
 */
export async function armPlacements(
  sql: Connection,
  { customerIds, hostIds, now }: { customerIds: readonly number[]; hostIds: readonly string[]; now: Date },
): Promise<void> {
  const rules = await rulesOf(sql, { customerIds, now, takesRichForRich: true });
  await tell(sql, { rules, onHosts: hostIds });
}

interface RulesQuestion {
  readonly customerIds: readonly number[];
  readonly now: Date;
  /** What has accrued of a thousand runs is not added up for who has money for days; the next pass does. */
  readonly takesRichForRich?: boolean;
}

async function rulesOf(sql: Connection, question: RulesQuestion): Promise<Map<number, CutOffRule>> {
  if (question.customerIds.length === 0) return new Map();
  const spendings = await spendingOf(sql, question);
  const { now } = question;
  return new Map([...spendings].map(([id, spending]) => [id, cutOffRule(spending, now.getTime())]));
}

async function spendingOf(
  sql: Connection,
  { customerIds, now, takesRichForRich = false }: RulesQuestion,
): Promise<Map<number, Spending>> {
  const accounts = await sql.query<{
    id: number;
    funds: string;
    overdue_status: OverdueStatus;
    overdue_since: Date | null;
  }>(
    `SELECT id, (balance + credit_limit) AS funds, overdue_status, overdue_since FROM customers
      WHERE id = ANY($1::bigint[])`,
    [customerIds],
  );
  const costs = await wantedCosts(sql, { customerIds, at: now });
  const spendings = accounts.rows.map((row): [number, Spending] => [
    row.id,
    {
      status: row.overdue_status,
      overdueSinceMs: row.overdue_since?.getTime() ?? null,
      funds: parsePoints(row.funds),
      unheard: costs.get(row.id)?.unheard ?? 0n,
      burnPerHour: costs.get(row.id)?.hourly ?? 0n,
    },
  ]);
  const looked = spendings.filter(([, spending]) => !takesRichForRich || !isRich(spending));
  const accrued = await accruedOf(
    sql,
    looked.map(([id]) => id),
  );
  return new Map(
    spendings.map(([id, spending]) => [id, { ...spending, funds: spending.funds - (accrued.get(id) ?? 0n) }]),
  );
}

/** Twice what keeps it all: a day's use would have to be uncharged to make a difference. */
function isRich({ funds, burnPerHour }: Spending): boolean {
  return funds >= 2n * NEAR_THE_END_HOURS * burnPerHour;
}

/** Answers the hosts on which something is told anew. */
async function tell(
  sql: Connection,
  { rules, onHosts }: { rules: ReadonlyMap<number, CutOffRule>; onHosts: readonly string[] | null },
): Promise<string[]> {
  const { rows } = await sql.query<{ host_id: string }>(
    `UPDATE placements p SET live = p.live || t.rule
       FROM runs r JOIN unnest($1::bigint[], $2::jsonb[]) AS t(payer, rule) ON t.payer = r.customer_id
      WHERE r.id = p.run_id AND r.closed_at IS NULL AND p.want = 'running' AND p.resources_released_at IS NULL
        AND ($4::text[] IS NULL OR p.host_id = ANY($4)) AND NOT p.live @> t.rule AND NOT p.live @> $3::jsonb
      RETURNING p.host_id`,
    [[...rules.keys()], [...rules.values()].map((rule) => JSON.stringify(rule)), OF_A_GANG, onHosts],
  );
  return [...new Set(rows.map(({ host_id }) => host_id))].sort();
}
