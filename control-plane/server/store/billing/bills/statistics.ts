/**
 * What was charged in a stretch of time, summed up in one pass over the records. A record counts where its time ends:
 * within (from, to], so that what ends at a midnight belongs to the day and month before it, and neighbouring stretches
 * share no record and lose none. Records of the old system count under its words.
 */
import type { Connection } from "../../database/database.ts";
import { safeBigint } from "../../database/values/old-values.ts";
import { type BillReader, readableBy } from "./records.ts";

export interface StatisticsQuery extends BillReader {
  readonly workspaceId: number | null;
  readonly from: Date;
  readonly to: Date;
  /** Days or months of the billing time zone; null for none. */
  readonly by: "day" | "month" | null;
  readonly utcOffsetMinutes: number;
}

export interface StatisticsRow {
  group: "total" | "resource" | "workspace" | "member" | "period";
  resource_type: string | null;
  legacy_resource_type: string | null;
  workspace_id: number | null;
  customer_id: number | null;
  /** The first day. */
  period: string | null;
  records: number;
  amount: string;
}

export async function billStatistics(sql: Connection, query: StatisticsQuery): Promise<StatisticsRow[]> {
  const values: unknown[] = [query.from, query.to, query.utcOffsetMinutes, query.by];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = [
    "r.end_time > $1::timestamptz AND r.end_time <= $2::timestamptz",
    ...readableBy(query, bind),
    ...(query.workspaceId === null ? [] : [`r.workspace_id = ${bind(query.workspaceId)}::bigint`]),
  ];
  const { rows } = await sql.query<StatisticsRow>(
    `SELECT CASE WHEN GROUPING(resource_type) = 0 THEN 'resource' WHEN GROUPING(workspace_id) = 0 THEN 'workspace'
                 WHEN GROUPING(member) = 0 THEN 'member' WHEN GROUPING(period) = 0 THEN 'period' ELSE 'total' END AS group,
            resource_type, legacy_resource_type, ${safeBigint("workspace_id")} AS workspace_id,
            ${safeBigint("member")} AS customer_id, period::text AS period, count(*) AS records, coalesce(sum(amount), 0)::numeric(38,4) AS amount
       FROM (
         SELECT r.resource_type, r.legacy_resource_type, r.workspace_id, run.ordered_by AS member, r.amount,
                date_trunc($4::text, r.end_time AT TIME ZONE 'UTC' - interval '1 microsecond' + make_interval(mins => $3::int))::date AS period
           FROM billing_records r LEFT JOIN runs run ON run.id = r.run_id
          WHERE ${where.join(" AND ")}) counted
      GROUP BY GROUPING SETS ((), (resource_type, legacy_resource_type), (workspace_id), (member), (period))
     HAVING GROUPING(period) = 1 OR period IS NOT NULL
      ORDER BY period, amount DESC, resource_type, legacy_resource_type, workspace_id, member`,
    values,
  );
  return rows;
}
