/**
 * Closing a month of 10,000 runs, from the records to the last invoice, against one plain query that sums up the same
 * records, which is the least that anybody would have to read.
 */
import { lastClosedMonth, monthEnd } from "@remotegpu/control-plane/server/core/billing/billing-calendar";
import { closeDueMonths } from "@remotegpu/control-plane/server/controllers/billing/month-closing";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { acquireLeadership } from "@remotegpu/control-plane/server/store/database/leader";
import { MS_PER_HOUR } from "@remotegpu/shared/values/units";
import { CHINA } from "../support/billing/metering-scene.ts";
import { benchDatabase, longQuery } from "./bench-database.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";

const CUSTOMERS = 500;
const RUNS = 10_000;
const CHARGES_OF_RUN = 10;
const LINES = ["cpu", "gpu"];
const MONTHS = ["2026-03", "2026-04", "2026-05"];

export async function measureInvoices(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
): Promise<void> {
  const database = await benchDatabase(ending);
  await makePeople(database);
  const pairs: Pair[] = [];
  for (const month of MONTHS) {
    await makeMonth(database, month);
    await longQuery(database, "VACUUM ANALYZE");
    const bare = await timed(() => sumUp(database, month));
    pairs.push({ ours: await timed(() => close(database, month)), bare });
  }
  const records = RUNS * CHARGES_OF_RUN * LINES.length;

  print(headLine(`Closing a month of ${RUNS} runs and ${records} records for ${CUSTOMERS} customers`));
  print(ratioLine("to summing up the records by line", pairs));
  print(
    valuesLine(
      "the closing",
      pairs.map(({ ours }) => ours),
      "ms",
    ),
  );
  print(
    valuesLine(
      "the sum",
      pairs.map(({ bare }) => bare),
      "ms",
    ),
  );
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

async function sumUp(database: Database, month: string): Promise<void> {
  await longQuery(
    database,
    `SELECT customer_id, resource_id, line, usage_month, sum(billing_minutes), sum(amount) FROM billing_records
      WHERE invoice_month = '${month}-01' GROUP BY customer_id, resource_id, line, usage_month`,
  );
}

async function close(database: Database, month: string): Promise<void> {
  const hour = new Date(monthEnd(month, CHINA) + CHINA.closeDelayHours * MS_PER_HOUR);
  if (lastClosedMonth(hour.getTime(), CHINA) !== month) throw new Error(`${month} is not due`);
  const term = (await acquireLeadership(database, { holder: "bench", now: hour })) ?? 0;
  await closeDueMonths({ db: database, calendar: CHINA }, { hour, term, now: hour });
}

async function makePeople(database: Database): Promise<void> {
  await longQuery(
    database,
    `INSERT INTO customers (username, email, password_hash, balance)
     SELECT 'c' || n, 'c' || n || '@example.org', 'x', 100000 FROM generate_series(1, ${CUSTOMERS}) n`,
  );
}

/** Every charge of a run as the hour tick posts it: a ledger transaction with two entries, and a record for each line. */
async function makeMonth(database: Database, month: string): Promise<void> {
  const charges = RUNS * CHARGES_OF_RUN;
  await longQuery(
    database,
    `SET session_replication_role = replica;
     INSERT INTO runs (id, instance_id, epoch, host_id, customer_id, ordered_by, resource_type, resource_id, spec)
       SELECT '${month}-run-' || n, 'i-' || n, 1, 'host-1', 1 + n % ${CUSTOMERS}, 1 + n % ${CUSTOMERS}, 'environment', 'env-' || n, 'A'
         FROM generate_series(1, ${RUNS}) n;
     INSERT INTO ledger_transactions (source_kind, source_id, customer_id, run_id, at)
       SELECT 'charge', '${month}/' || n, 1 + (n % ${RUNS}) % ${CUSTOMERS}, '${month}-run-' || 1 + n % ${RUNS}, '${month}-02'::timestamptz + n * interval '1 s'
         FROM generate_series(1, ${charges}) n;
     INSERT INTO ledger_entries (transaction_id, account, customer_id, amount)
       SELECT id, side.account, customer_id, side.amount FROM ledger_transactions,
              (VALUES ('customer', -0.3), ('revenue', 0.3)) side (account, amount) WHERE source_id LIKE '${month}/%';
     INSERT INTO billing_records (customer_id, workspace_id, resource_type, resource_id, resource_name, run_id, line, quantity,
       unit_price, billing_unit, billing_minutes, amount, start_time, end_time, usage_month, invoice_month)
       SELECT 1 + (n % ${RUNS}) % ${CUSTOMERS}, 1, 'environment', 'env-' || n % ${RUNS}, 'work', '${month}-run-' || 1 + n % ${RUNS}, line, 4,
              0.001, 'minute', 60, 0.15, '${month}-02'::timestamptz + n * interval '1 s', '${month}-02'::timestamptz + n * interval '1 s',
              '${month}-01', '${month}-01'
         FROM generate_series(1, ${charges}) n, unnest(ARRAY['${LINES.join("', '")}']) line;
     SET session_replication_role = DEFAULT`,
  );
}
