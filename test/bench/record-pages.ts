/**
 * Pages of billing records at any depth of a table of ten million rows (`--rows` says how many), for each way in which
 * they are asked for, against the first page of a small table: what it would cost if size did not matter.
 */
import {
  billingRecords,
  type RecordFilter,
} from "@remotegpu/control-plane/server/store/billing/bills/records";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { benchDatabase, longQuery } from "./bench-database.ts";
import { headLine, ratioLine, spreadOf, valuesLine } from "./comparison.ts";

const ROWS = 10_000_000;
const SMALL_ROWS = 10_000;
const PAGES = 1_000;
const LIMIT = 20;
/** One customer has a tenth of all, and administers twenty workspaces that others pay. */
const LARGE = 1;
const WORKSPACES = 5_000;
const MANAGED = Array.from({ length: 20 }, (_, index) => 1 + index * 200);

const EVERYTHING: RecordFilter = {
  payerId: null,
  workspaceIds: null,
  workspaceId: null,
  resourceType: null,
  resourceId: null,
  runId: null,
  from: null,
  to: null,
};

const QUESTIONS: [what: string, filter: RecordFilter][] = [
  ["everybody's", EVERYTHING],
  ["a large payer with 20 workspaces", { ...EVERYTHING, payerId: LARGE, workspaceIds: MANAGED }],
  ["a small payer with one workspace", { ...EVERYTHING, payerId: 77, workspaceIds: [77] }],
  ["one workspace", { ...EVERYTHING, workspaceId: 77 }],
  ["one resource of a payer", { ...EVERYTHING, payerId: LARGE, workspaceIds: MANAGED, resourceId: "env-10" }],
  ["one run of a payer", { ...EVERYTHING, payerId: LARGE, workspaceIds: MANAGED, runId: "run-10" }],
];

export async function measureRecordPages(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = ROWS }: { rows?: number | undefined } = {},
): Promise<void> {
  const small = await benchDatabase(ending);
  await makeRecords(small, SMALL_ROWS);
  const large = await benchDatabase(ending);
  await makeRecords(large, rows);

  for (const [what, filter] of QUESTIONS) {
    const first: number[] = [];
    const deep: number[] = [];
    // In turns, so that both see the same machine. The depth is any, and the same each time the bench is run.
    for (let page = 0; page < PAGES; page += 1) {
      first.push(await timed(small, filter, null));
      deep.push(await timed(large, filter, 1 + Math.floor(((page * 0.618_034) % 1) * rows)));
    }
    const [ours, bare] = [p99(deep), p99(first)];
    print(headLine(`Pages of ${LIMIT} of ${rows} records: ${what}`));
    print(ratioLine(`p99 to p99 of the first page of ${SMALL_ROWS} records`, [{ ours, bare }]));
    print(ratioLine("median to median", [{ ours: spreadOf(deep).median, bare: spreadOf(first).median }]));
    print(
      valuesLine(
        "a page",
        deep.map((ms) => ms * 1_000),
        "µs",
      ),
    );
    print(valuesLine("p99", [ours * 1_000], "µs"));
  }
}

async function timed(database: Database, filter: RecordFilter, after: number | null): Promise<number> {
  const startedMs = performance.now();
  await billingRecords(database, filter, { limit: LIMIT, after });
  return performance.now() - startedMs;
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;
}

/** Without foreign keys and triggers, and indexed afterwards: it is the reading that is measured. */
async function makeRecords(database: Database, rows: number): Promise<void> {
  const { rows: indexes } = await database.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
      WHERE tablename = 'billing_records' AND indexname <> 'billing_records_pkey'`,
  );
  for (const { name } of indexes) await database.query(`DROP INDEX ${name}`);
  await longQuery(
    database,
    `SET session_replication_role = replica;
     INSERT INTO billing_records (customer_id, workspace_id, resource_type, resource_id, resource_name, run_id, line, quantity,
       unit_price, billing_unit, billing_minutes, amount, start_time, end_time, usage_month, invoice_month)
     SELECT CASE WHEN n % 10 = 0 THEN ${LARGE} ELSE 2 + n % 1999 END, 1 + n % ${WORKSPACES}, 'environment', 'env-' || n % 20000, 'work',
            'run-' || n % 100000, CASE n % 2 WHEN 0 THEN 'cpu' ELSE 'gpu' END, 4, 0.001, 'minute', 60, 0.15, t, t + interval '1 h',
            date_trunc('month', t), date_trunc('month', t)
       FROM generate_series(1, ${rows}) n, LATERAL (SELECT timestamptz '2024-01-01' + n * interval '5 s' AS t) moment;
     SET session_replication_role = DEFAULT`,
  );
  for (const { definition } of indexes) await longQuery(database, definition);
  await longQuery(database, "VACUUM ANALYZE billing_records");
}
