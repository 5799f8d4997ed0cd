/** `migrate`: what it did or would do, and the report of an upgrade, as tables for people or one document for scripts. */
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type Column, printList } from "../../cli/framework/output.ts";
import type { EnvVarSeal } from "../core/secrets/env-var-seal.ts";
import type { Database } from "../store/database/database.ts";
import { migrate, migrateDown, type Migrated, planMigration } from "../store/migrate.ts";
import { MigrationError } from "../store/upgrade/migration-error.ts";
import type { UpgradeReport } from "../store/upgrade/rows/report.ts";

export interface MigrateCommandOptions {
  dryRun?: boolean;
  strict?: boolean;
  json?: boolean;
  /** Seconds. */
  wait?: number;
  discard?: string[];
}

/** Where the answer goes, and where progress goes. */
interface AnswerAndProgress {
  print: (text: string) => void;
  report: (text: string) => void;
}

export async function migrateCommand(
  database: Database,
  direction: "up" | "down",
  { dryRun = false, strict = false, json = false, wait = 30, discard = [] }: MigrateCommandOptions,
  { print, report: log }: AnswerAndProgress,
  envVars: EnvVarSeal | null = null,
): Promise<void> {
  if (direction === "down") {
    if (dryRun || strict) throw new MigrationError("--dry-run and --strict belong to the way up");
    await migrateDown(database, { log, discard, waitMs: wait * MS_PER_SECOND, envVars });
    print(json ? JSON.stringify({ direction }) : "The database has the old system's schema again.");
    return;
  }
  if (discard.length > 0) throw new MigrationError("--discard belongs to the way down");
  const done = dryRun
    ? await planMigration(database)
    : await migrate(database, { log, strict, waitMs: wait * MS_PER_SECOND });
  if (json) print(JSON.stringify({ dry_run: dryRun, ...done }, null, 2));
  else report(done, dryRun, print);
  if (dryRun && strict && done.report.findings.length > 0)
    throw new MigrationError("there is something to report, and --strict asks for nothing");
}

function report({ applied, steps, report }: Migrated, dryRun: boolean, print: (text: string) => void): void {
  if (applied.length === 0) return print("The schema is up to date.");
  const names = applied.join(", ");
  if (steps.length > 0) {
    list(
      steps.map(({ title, rows }) => ({ step: title, rows })),
      ["step", [dryRun ? "rows it would touch" : "rows touched", ({ rows }) => rows]],
      print,
    );
    sendReport(report, print);
  }
  print(dryRun ? `Nothing was written. To be applied: ${names}` : `Applied: ${names}`);
}

function sendReport({ derived, findings }: UpgradeReport, print: (text: string) => void): void {
  if (derived.length > 0)
    list(
      derived.map(({ table, column, rows, from }) => ({ derived: `${table}.${column}`, rows, from })),
      ["derived", "rows", "from"],
      print,
    );
  if (findings.length === 0) return print("Nothing to report.\n");
  const rows = findings.flatMap(({ finding, table, column, rows: count, listed }) =>
    listed.map(({ row_id: row, old_value: old, new_value: value, note }, index) => ({
      ...(index === 0 && { report: finding, column: `${table}.${column}`, rows: count, note }),
      row,
      old: visible(old),
      new: visible(value),
    })),
  );
  list(rows, ["report", "column", "rows", "row", "old", "new", "note"], print);
  if (findings.some(({ rows: count, listed }) => count > listed.length))
    print(
      "Where there are more rows than are listed, the table upgrade_findings has all of them afterwards.\n",
    );
}

function list<Row extends object>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  print: (text: string) => void,
): void {
  printList({ format: "wide", width: null, nowMs: 0, write: print }, rows, columns);
}

const MAX_LISTED = 40;

/** On one line, and without the control characters that would move the cursor of whoever reads. */
function visible(value: string | null): string {
  if (value === null) return "NULL";
  const text = JSON.stringify(value);
  return text.length > MAX_LISTED ? `${text.slice(0, MAX_LISTED)}…` : text;
}
