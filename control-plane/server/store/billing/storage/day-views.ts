/** What customers see of their storage: the days that are charged, and those that still go on. */
import { formatDecimal, formatPoints, formatPrice } from "@remotegpu/shared/values/money";
import { MS_PER_DAY } from "@remotegpu/shared/values/units";
import { type BillingCalendar, dayOf } from "../../../core/billing/billing-calendar.ts";
import { GB_DECIMALS, rateStorageDay } from "../../../core/billing/storage-rating.ts";
import type { Connection } from "../../database/database.ts";
import { storageTerms } from "./day-charge.ts";
import { samplesOfDay } from "./day-samples.ts";

export interface StorageDayRow {
  workspace_id: number;
  day: string;
  samples: number;
  average_gb: string;
  billable_gb: string;
  /** Per GB and day; null: nobody had set one. */
  unit_price: string | null;
  amount: string;
}

/** Newest first; one more than the limit, so that the caller sees whether there is another page. */
export async function chargedStorageDays(
  sql: Connection,
  {
    workspaceIds,
    page,
  }: {
    workspaceIds: readonly number[];
    page: { limit: number; after: { day: string; workspaceId: number } | null };
  },
): Promise<StorageDayRow[]> {
  const { rows } = await sql.query<StorageDayRow>(
    `SELECT workspace_id, day, samples, average_gb, billable_gb, unit_price, amount FROM storage_days
      WHERE workspace_id = ANY($1::bigint[])
        AND ($2::date IS NULL OR (day, workspace_id) < ($2::date, $3::bigint))
      ORDER BY day DESC, workspace_id DESC LIMIT $4`,
    [workspaceIds, page.after?.day ?? null, page.after?.workspaceId ?? null, page.limit + 1],
  );
  return rows;
}

/** Today so far, and yesterday until it is charged; what it would cost if it ended now. Newest first. */
export async function openStorageDays(
  sql: Connection,
  { workspaceIds, now, calendar }: { workspaceIds: readonly number[]; now: Date; calendar: BillingCalendar },
): Promise<StorageDayRow[]> {
  const days: StorageDayRow[] = [];
  for (const momentMs of [now.getTime(), now.getTime() - MS_PER_DAY]) {
    const day = dayOf(momentMs, calendar);
    const uncharged = await unchargedOf(sql, workspaceIds, day.day);
    const samples = await samplesOfDay(sql, { workspaceIds: uncharged, day });
    const terms = await storageTerms(sql, { toMs: Math.min(day.toMs, now.getTime() + 1) });
    for (const [workspaceId, pools] of [...samples].sort(([a], [b]) => b - a)) {
      const rated = rateStorageDay(pools, terms);
      if (rated === null) continue;
      days.push({
        workspace_id: workspaceId,
        day: day.day,
        samples: rated.samples,
        average_gb: formatDecimal(rated.averageGb, GB_DECIMALS),
        billable_gb: formatDecimal(rated.billableGb, GB_DECIMALS),
        unit_price: rated.unitPrice === null ? null : formatPrice(rated.unitPrice),
        amount: formatPoints(rated.amount),
      });
    }
  }
  return days;
}

async function unchargedOf(sql: Connection, workspaceIds: readonly number[], day: string): Promise<number[]> {
  const { rows } = await sql.query<{ id: number }>(
    `SELECT asked.id FROM unnest($1::bigint[]) AS asked(id)
      WHERE NOT EXISTS (SELECT FROM storage_days d WHERE d.workspace_id = asked.id AND d.day = $2)`,
    [workspaceIds, day],
  );
  return rows.map(({ id }) => id);
}
