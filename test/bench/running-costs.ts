/**
 * What 5,000 running workloads cost, as streams ask every five seconds, where each has run 200 times before (`--rows` says
 * how many past runs there are in all), against the same without a past.
 */
import type { Database } from "@remotegpu/control-plane/store/database/database";
import { StreamCosts } from "@remotegpu/control-plane/store/overview/stream-costs";
import { headsNow } from "@remotegpu/control-plane/store/overview/stream-marks";
import { benchDatabase, longQuery } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";

const PAST_RUNS = 1_000_000;
const RUNNING = 5_000;
const ASKED = 30;

export async function measureRunningCosts(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = PAST_RUNS }: { rows?: number | undefined } = {},
): Promise<void> {
  const young = await benchDatabase(ending);
  await makeRuns(young, 0);
  const old = await benchDatabase(ending);
  await makeRuns(old, Math.round(rows / RUNNING));

  const ofYoung = await asking(young);
  const ofOld = await asking(old);
  const [firstBare, first] = [await timed(ofYoung), await timed(ofOld)];
  const bare: number[] = [];
  const ours: number[] = [];
  // In turns, so that both see the same machine.
  for (let nth = 0; nth < ASKED; nth += 1) {
    bare.push(await timed(ofYoung));
    ours.push(await timed(ofOld));
  }
  say(headLine(`Costs of ${RUNNING} running workloads with ${rows} past runs, ${ASKED} times`));
  say(ratioLine("median to median without a past", [{ ours: median(ours), bare: median(bare) }]));
  say(valuesLine("an answer", ours, "ms"));
  say(valuesLine("without a past", bare, "ms"));
  say(valuesLine("the first answer", [first], "ms"));
  say(valuesLine("the first answer without a past", [firstBare], "ms"));
}

async function asking(database: Database): Promise<() => Promise<unknown>> {
  const costs = new StreamCosts(database);
  const { transaction: since } = await headsNow(database);
  return async () => await costs.now({ at: new Date(), since });
}

async function timed(ask: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await ask();
  return performance.now() - startedMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Every hundredth past run was given back in part. */
async function makeRuns(database: Database, past: number): Promise<void> {
  const workloads = `generate_series(1, ${RUNNING}) w`;
  const ended = `${workloads}, generate_series(1, ${past}) n`;
  for (const statement of [
    `INSERT INTO customers (id, username, email, password_hash) VALUES (1000, 'payer', 'payer', '')`,
    `INSERT INTO hosts (id, name, ip_address, status) VALUES ('h', 'h', '10.0.0.1', 'online')`,
    `INSERT INTO environments (id, customer_id, name, image, status, cpu, memory)
     SELECT 'env-' || w, 1000, 'work', 'busybox', 'running', 4, 8589934592 FROM ${workloads}`,
    `INSERT INTO instances (id, workload_kind, workload_id, state, current_epoch, known_epoch)
     SELECT 'env-' || w, 'environment', 'env-' || w, 'ready', ${past + 1}, ${past + 1} FROM ${workloads}`,
    "ALTER TABLE runs DISABLE TRIGGER ALL",
    "ALTER TABLE run_lines DISABLE TRIGGER ALL",
    "ALTER TABLE ledger_transactions DISABLE TRIGGER ALL",
    "ALTER TABLE ledger_entries DISABLE TRIGGER ALL",
    `INSERT INTO runs (id, customer_id, instance_id, epoch, host_id, resource_type, resource_id, spec, ordered_at,
       first_proven_at, closed_at, proven_ms, billed_minutes, posted_amount, was_ready)
     SELECT 'past-' || w || '-' || n, 1000, 'env-' || w, n, 'h', 'environment', 'env-' || w, 'default', now() - interval '1 day',
            now() - interval '1 day', now() - interval '1 hour', 3600000, 60, 2, true FROM ${ended}`,
    `INSERT INTO run_lines (run_id, line, unit_price, quantity, billing_unit)
     SELECT 'past-' || w || '-' || n, 'cpu', 0.5, 4, 'hour' FROM ${ended}`,
    `INSERT INTO runs (id, customer_id, instance_id, epoch, host_id, resource_type, resource_id, spec, first_proven_at,
       proven_ms, uncharged, was_ready)
     SELECT 'run-' || w, 1000, 'env-' || w, ${past + 1}, 'h', 'environment', 'env-' || w, 'default', now(), 600000, true, true
       FROM ${workloads}`,
    `INSERT INTO run_lines (run_id, line, unit_price, quantity, billing_unit)
     SELECT 'run-' || w, line, 0.5, 4, 'hour' FROM ${workloads}, unnest(ARRAY['cpu', 'gpu', 'memory']) line`,
    `INSERT INTO ledger_transactions (id, source_kind, source_id, customer_id, run_id)
     SELECT row_number() OVER (), 'charge', 'past-' || w || '-' || n, 1000, 'past-' || w || '-' || n FROM ${ended}`,
    `INSERT INTO ledger_transactions (id, source_kind, source_id, customer_id, run_id)
     SELECT 100000000 + row_number() OVER (), 'refund', 'past-' || w || '-' || n, 1000, 'past-' || w || '-' || n
       FROM ${ended} WHERE n % 100 = 0`,
    `INSERT INTO ledger_entries (transaction_id, account, customer_id, amount)
     SELECT id, 'customer', 1000, CASE source_kind WHEN 'refund' THEN 1 ELSE -2 END FROM ledger_transactions`,
    "VACUUM ANALYZE",
  ])
    await longQuery(database, statement);
}
