/** What an upgrade would do, asked in a transaction that cannot write. */
import type { Database } from "../../database/database.ts";
import { transaction } from "../../database/transaction.ts";
import { FILLS } from "../rows/fills.ts";
import { isOld, readForm } from "../old-form.ts";
import { assertNoObstacle } from "../rows/refusals.ts";
import { changedRows, derivedValues, findingsSql, NOTHING_TO_REPORT, readFindings } from "../rows/report.ts";
import { type Step, titleOf } from "../rows/fill-rows.ts";
import type { UpgradeResult } from "./up.ts";

/** @throws MigrationError when something is in the way; nothing is looked for in values that were added by hand */
export async function dryRun(
  database: Database,
  { timeoutMs }: { timeoutMs: number },
): Promise<UpgradeResult> {
  return await transaction(
    database,
    async (sql) => {
      await sql.query(
        "SET TRANSACTION READ ONLY; SET LOCAL TimeZone = 'UTC'; SET LOCAL extra_float_digits = 1",
      );
      const form = await readForm(sql);
      if (!isOld(form)) return { steps: [], report: NOTHING_TO_REPORT };
      await assertNoObstacle(sql, form);
      const steps: Step[] = [];
      for (const fill of FILLS)
        steps.push({
          title: titleOf(fill),
          rows: form.has(fill.table) ? await changedRows(sql, fill, form) : 0,
        });
      const findings = await readFindings(sql, `(${findingsSql(form)})`);
      return { steps, report: { derived: await derivedValues(sql, form), findings } };
    },
    { isolation: "repeatable read", statementTimeoutMs: timeoutMs },
  );
}
