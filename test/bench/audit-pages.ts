/**
 * Pages of an audit log of five million rows (`--rows` says how many), at any depth, for each way in which they are asked
 * for, against the first page of a small log: what it would cost if size did not matter.
 */
import { auditEntries, type AuditFilter } from "@remotegpu/control-plane/store/audit/audit-log";
import type { Database } from "@remotegpu/control-plane/store/database/database";
import { benchDatabase, longQuery } from "./bench-database.ts";
import { headLine, ratioLine, valuesLine } from "./comparison.ts";

const ROWS = 5_000_000;
const SMALL_ROWS = 10_000;
const PAGES = 500;
const LIMIT = 50;
const SECONDS_BETWEEN = 5;
const BEGIN_MS = Date.parse("2025-01-01Z");

const EVERYTHING: AuditFilter = {
  actorCustomerId: null,
  actorName: null,
  targetKind: null,
  targetId: null,
  action: null,
  outcome: null,
  since: null,
  until: null,
};

const ASKED: [what: string, filter: AuditFilter][] = [
  ["everything", EVERYTHING],
  ["of one actor", { ...EVERYTHING, actorCustomerId: 77 }],
  ["of one target", { ...EVERYTHING, targetKind: "environment", targetId: "env-77" }],
  ["of one action since a moment", { ...EVERYTHING, action: "environments.stop", since: new Date(BEGIN_MS) }],
];

export async function measureAuditPages(
  say: (line: string) => void,
  ending: AsyncDisposableStack,
  { rows = ROWS }: { rows?: number | undefined } = {},
): Promise<void> {
  const small = await benchDatabase(ending);
  await makeLog(small, SMALL_ROWS);
  const large = await benchDatabase(ending);
  await makeLog(large, rows);

  for (const [what, filter] of ASKED) {
    const first: number[] = [];
    const deep: number[] = [];
    // In turns, so that both see the same machine. The depth is any, and the same each time the bench is run.
    for (let page = 0; page < PAGES; page += 1) {
      first.push(await timed(small, filter, null));
      deep.push(await timed(large, filter, 1 + Math.floor(((page * 0.618_034) % 1) * rows)));
    }
    const [ours, bare] = [p95(deep), p95(first)];
    say(headLine(`Pages of ${LIMIT} of ${rows} rows of the audit log: ${what}`));
    say(ratioLine(`p95 to p95 of the first page of ${SMALL_ROWS} rows`, [{ ours, bare }]));
    say(valuesLine("p95", [ours * 1_000], "µs"));
  }
}

async function timed(database: Database, filter: AuditFilter, behind: number | null): Promise<number> {
  const micros = String((BEGIN_MS + (behind ?? 0) * SECONDS_BETWEEN * 1_000) * 1_000);
  const after = behind === null ? null : { micros, id: String(behind) };
  const startedMs = performance.now();
  await auditEntries(database, filter, { limit: LIMIT, after });
  return performance.now() - startedMs;
}

function p95(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.95)] ?? 0;
}

/** Indexed afterwards: it is the reading that is measured. */
async function makeLog(database: Database, rows: number): Promise<void> {
  const { rows: indexes } = await database.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
      WHERE tablename = 'audit_log' AND indexname <> 'audit_log_pkey'`,
  );
  for (const { name } of indexes) await database.query(`DROP INDEX ${name}`);
  await longQuery(
    database,
    `INSERT INTO audit_log (at, actor_customer_id, actor_role, method, route, action, target_kind, target_id, outcome, status,
       request_id)
     SELECT timestamptz '${new Date(BEGIN_MS).toISOString()}' + n * interval '${SECONDS_BETWEEN} s', 1 + n % 2000, 'customer',
            'POST', '/api/v1/environments/{id}/stop',
            (ARRAY['environments.stop', 'environments.start', 'environments.create', 'jobs.create'])[1 + n % 4],
            'environment', 'env-' || n % 20000, CASE n % 50 WHEN 0 THEN 'refused' ELSE 'done' END, 202, gen_random_uuid()
       FROM generate_series(1, ${rows}) n`,
  );
  for (const { definition } of indexes) await longQuery(database, definition);
  await longQuery(database, "VACUUM ANALYZE audit_log");
}
