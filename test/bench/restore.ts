/**
 * The drill of a lost database: a backup of a million rows of usage (`--rows` says how many) with a quarter as many billing
 * records, by COPY, and its restore into an empty database, held, until a server could begin. What was asked for is five
 * minutes. Beside it stands the bare COPY of the largest table into one without keys and indexes.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { takeBackup } from "@remotegpu/control-plane/server/backup/backup";
import { restoreCommand } from "@remotegpu/control-plane/server/commands/restore-command";
import { type Database, openDatabase } from "@remotegpu/control-plane/server/store/database/database";
import { MIB, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { FreshDatabase } from "../support/engines/postgres.ts";
import { longQuery, sceneDatabase } from "./bench-database.ts";
import { headLine, valuesLine } from "./comparison.ts";

const ROWS = 1_000_000;
const RECORDS_EACH = 4;
const CUSTOMERS = 1_000;

export async function measureRestore(
  print: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = ROWS }: { rows?: number | undefined } = {},
): Promise<void> {
  const fresh = await sceneDatabase(ending);
  ending.defer(() => fresh.database.close());
  ending.defer(() => fresh.application.close());
  await fill(fresh.database, rows);
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-bench-backup-"));
  ending.defer(() => rm(folder, { recursive: true, force: true }));
  const url = fresh.url;
  const request = { url, to: folder, keys: null, pgDumpVersion: null, productVersion: "bench", keep: null };

  let path = "";
  let bytes = 0;
  const taking = await timed(async () => {
    ({ path, bytes } = await takeBackup({ ...request, paymentLog: null }));
  });
  const target = await emptyBeside(fresh, ending);
  const nothing = () => undefined;
  const restoring = await timed(() =>
    restoreCommand(
      target,
      { from: path, verify: true, stateDir: folder },
      { print: nothing, report: nothing },
    ),
  );
  const bare = await timed(() => longQuery(fresh.database, "CREATE TABLE bare AS TABLE usage_rows"));

  print(headLine(`A database of ${rows} rows of usage and ${Math.floor(rows / RECORDS_EACH)} records`));
  print(valuesLine("the database", [(await sizeOf(fresh.database)) / MIB], "MiB"));
  print(valuesLine("its backup, by COPY", [bytes / MIB], "MiB"));
  print(valuesLine("taking it", [taking], "s"));
  print(valuesLine("restoring it with --verify, schema and indexes included", [restoring], "s"));
  print(valuesLine("one bare copy of the usage beside it", [bare], "s"));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / MS_PER_SECOND;
}

/** On the same server, which goes with all of its databases. */
async function emptyBeside(
  { url, database }: FreshDatabase,
  ending: AsyncDisposableStack,
): Promise<Database> {
  await longQuery(database, "CREATE DATABASE restored TEMPLATE template0");
  const address = new URL(url);
  address.pathname = "restored";
  const target = openDatabase(address.href, { runsAs: "owner" });
  ending.defer(() => target.close());
  return target;
}

async function sizeOf(database: Database): Promise<number> {
  const { rows } = await database.query<{ bytes: number }>(
    "SELECT pg_total_relation_size('usage_rows') + pg_total_relation_size('billing_records') AS bytes",
  );
  return rows[0]?.bytes ?? 0;
}

/** As hosts and charges leave them. Triggers are off, and nothing asks for what the rows refer to. */
async function fill(database: Database, rows: number): Promise<void> {
  await longQuery(
    database,
    `SET session_replication_role = replica;
     INSERT INTO customers (username, email, password_hash)
     SELECT 'c' || n, 'c' || n || '@example.org', '!' FROM generate_series(1, ${CUSTOMERS}) n;
     INSERT INTO usage_rows (host_id, journal_id, seq, kind, run_id, boot_id, start_ms, end_ms, proof, verdict, entry, hash)
     SELECT 'host-' || n % 100, md5('journal' || n % 100)::uuid, 1 + n / 100, 'usage', 'run-' || n % 20000,
            md5('boot' || n % 100)::uuid, n * 60000::bigint, (n + 1) * 60000::bigint, 'exact', 'accepted',
            jsonb_build_object('kind', 'usage', 'runId', 'run-' || n % 20000, 'startMs', n * 60000::bigint, 'endMs', (n + 1) * 60000::bigint),
            md5(n::text) || md5('h' || n)
       FROM generate_series(1, ${rows}) n;
     INSERT INTO billing_records (customer_id, resource_type, resource_id, resource_name, line, quantity, unit_price,
       billing_unit, billing_minutes, amount, start_time, end_time, usage_month, invoice_month)
     SELECT c.id, 'environment', 'env-' || n % 20000, 'work', CASE n % 2 WHEN 0 THEN 'cpu' ELSE 'gpu' END, 4, 0.001, 'minute', 60,
            0.15, t, t + interval '1 h', date_trunc('month', t), date_trunc('month', t)
       FROM generate_series(1, ${Math.floor(rows / RECORDS_EACH)}) n
       JOIN (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM customers) c ON c.nth = 1 + n % ${CUSTOMERS},
            LATERAL (SELECT timestamptz '2024-01-01' + n * interval '5 s' AS t) moment;
     SET session_replication_role = DEFAULT`,
  );
}
