/**
 * The upgrade of a database that has the old system's tables: in one transaction that holds them alone, so that a crash
 * anywhere leaves the old schema whole. Add what is missing, fill it, then the migrations as on a fresh database, and
 * at the end the proof that the schema is the same as theirs.
 */
import { type Catalogue, type Definition, readCatalogue } from "../catalogue.ts";
import type { Connection, Transaction } from "../../database/database.ts";
import { MigrationError } from "../migration-error.ts";
import { addColumns, retype, settleDefaults } from "../tables/columns.ts";
import { assertNothingIsCut } from "../tables/cut-values.ts";
import { fillRows, type Step } from "../rows/fill-rows.ts";
import { makeRoom } from "../tables/make-room.ts";
import { modelOf } from "../tables/model.ts";
import { isOld, isOldTable, readForm } from "../old-form.ts";
import { withoutTriggers } from "../tables/others-triggers.ts";
import { type Print, withProgress } from "../progress.ts";
import { assertNoObstacle } from "../rows/refusals.ts";
import {
  derivedValues,
  findingsSql,
  NOTHING_TO_REPORT,
  readFindings,
  type UpgradeReport,
} from "../rows/report.ts";
import { assertChecksHold, assertSame } from "../tables/same-schema.ts";

export interface Upgrade {
  /** The texts of the migrations, in order, and the part of them that keeps the record of an upgrade. */
  migrations: readonly string[];
  record: string;
  /** Runs one migration and writes down that it was applied. */
  apply: (sql: Transaction, index: number) => Promise<void>;
}

export interface UpgradeResult {
  steps: Step[];
  report: UpgradeReport;
}

/** @throws MigrationError when something is in the way, or with `strict` when there is anything to report */
export async function upgrade(
  sql: Transaction,
  { migrations, record, apply }: Upgrade,
  { print, strict }: { print: Print; strict: boolean },
): Promise<UpgradeResult> {
  const found = await readForm(sql);
  if (!isOld(found)) return { steps: [], report: NOTHING_TO_REPORT };
  await sql.query("SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1");
  await assertNoObstacle(sql, found);

  const before = await readCatalogue(sql);
  await sql.query(record);
  const derived = await withProgress(print, "looking at the rows", async () => {
    await sql.change(
      `INSERT INTO upgrade_findings (finding, table_name, row_id, column_name, old_value, new_value, note)
       ${findingsSql(found)}`,
    );
    return await derivedValues(sql, found);
  });
  const report = { derived, findings: await readFindings(sql, "upgrade_findings") };
  if (strict) assertNothingToReport(report);
  await keepDefinitions(sql, before);

  // Tables that an old database lacks are made; on those it has nothing happens.
  await sql.query(migrations[0] ?? "");
  const { steps, model } = await modelOf(sql, migrations, async (wanted) => {
    await assertNothingIsCut(sql, { present: before.columns, wanted: wanted.columns });
    await makeRoom(sql, before, wanted);
    await addColumns(sql, wanted);
    const filled = await withoutTriggers(sql, () => fillRows(sql, print));
    await assertChecksHold(sql, wanted, found);
    await retype(sql, wanted, print);
    return { steps: filled, model: wanted };
  });
  for (const index of migrations.keys())
    await withProgress(print, `migration ${index + 1} of ${migrations.length}`, () => apply(sql, index));
  await settleDefaults(sql, model);
  assertSame(await readCatalogue(sql), model);
  return { steps, report };
}

function assertNothingToReport({ findings }: UpgradeReport): void {
  if (findings.length === 0) return;
  const kinds = findings.map(
    ({ finding, table, column, rows }) => `${finding}: ${table}.${column} (${rows})`,
  );
  throw new MigrationError(
    `the upgrade has something to report, and --strict asks for nothing: ${kinds.join(", ")}; nothing was changed. ` +
      "See them with --dry-run",
  );
}

/** For the way back: the names and definitions that this database had. */
async function keepDefinitions(sql: Connection, { columns, definitions }: Catalogue): Promise<void> {
  const stored: Definition[] = definitions.filter(
    ({ kind, table }) => kind === "function" || isOldTable(table),
  );
  const rows = [
    ...columns
      .filter(({ table }) => isOldTable(table))
      .map((column) => ({
        kind: "column",
        table: column.table,
        name: column.name,
        definition: JSON.stringify(column),
      })),
    ...stored,
  ];
  await sql.change(
    `INSERT INTO upgrade_definitions (kind, table_name, name, definition)
     SELECT kind, "table", name, definition FROM jsonb_to_recordset($1::jsonb)
       AS d (kind text, "table" text, name text, definition text)`,
    [JSON.stringify(rows)],
  );
}
