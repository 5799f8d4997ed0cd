/**
 * What Postgres planned for the tests of each file. Planning is most of what Postgres does for a test, so whoever wants
 * the suite shorter sets TEST_PLANS=1: the server then counts, each database that a test drops leaves a line,
 * and the table at the end of the run (suite/plan-table.ts) adds them up.
 */
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, openDatabase } from "@remotegpu/control-plane/server/store/database/database";

const DEAREST = 10;

export interface PlanCount {
  /** The path of the test file. */
  file: string;
  statements: number;
  planned: number;
  planningMs: number;
  executionMs: number;
}

interface DearStatement {
  text: string;
  planned: number;
  planningMs: number;
}

function countsPlans(): boolean {
  return process.env["TEST_PLANS"] === "1";
}

/** The settings with which a server counts; they take some of its time, so it does not count unasked. */
export function planCountSettings(): Record<string, string> {
  if (!countsPlans()) return {};
  return {
    shared_preload_libraries: "pg_stat_statements",
    "pg_stat_statements.max": "50000",
    "pg_stat_statements.track": "all",
    "pg_stat_statements.track_planning": "on",
  };
}

/** Lets whoever asks a server in its administrative database see what it counts. */
export async function beginPlanCounts(serverUrl: string): Promise<void> {
  if (!countsPlans()) return;
  const admin = openDatabase(serverUrl, { maxConnections: 1 });
  await admin.query("CREATE EXTENSION pg_stat_statements");
  await admin.close();
}

/**
 * Notes what the server did in a database so far, for a test file.
 * @param fileOf asked only where plans are counted: benches and commands drop databases outside of any test
 */
export async function notePlanCounts(
  admin: Connection,
  { database, fileOf }: { database: string; fileOf: () => string },
): Promise<void> {
  if (!countsPlans()) return;
  const { rows } = await admin.query<Omit<PlanCount, "file">>(
    `SELECT coalesce(sum(calls), 0)::int AS statements, coalesce(sum(plans), 0)::int AS planned,
            coalesce(sum(total_plan_time), 0)::float8 AS "planningMs", coalesce(sum(total_exec_time), 0)::float8 AS "executionMs"
       FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)`,
    [database],
  );
  appendFileSync(countsFile(), `${JSON.stringify({ file: fileOf(), ...rows[0] })}\n`);
}

/** All that this run noted, once. */
export function takePlanCounts(): PlanCount[] {
  const file = countsFile();
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  rmSync(file, { force: true });
  return lines.map((line): PlanCount => JSON.parse(line));
}

/** The statements that took the server the longest to plan so far. */
export async function dearestStatements(serverUrl: string): Promise<DearStatement[]> {
  const admin = openDatabase(serverUrl, { maxConnections: 1 });
  try {
    const { rows } = await admin.query<DearStatement>(
      `SELECT left(regexp_replace(min(query), '\\s+', ' ', 'g'), 160) AS text, sum(plans)::int AS planned,
              sum(total_plan_time)::float8 AS "planningMs"
         FROM pg_stat_statements GROUP BY queryid ORDER BY 3 DESC LIMIT ${DEAREST}`,
    );
    return rows;
  } finally {
    await admin.close();
  }
}

function countsFile(): string {
  return join(tmpdir(), `${process.env["REMOTEGPU_TEST_RUN"] ?? "remotegpu-"}plans`);
}
