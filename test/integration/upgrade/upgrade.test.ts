/**
 * What `migrate` makes of the old system's rows, on rows and forms at random: nothing is lost, every new row is what
 * the contract says, the schema is that of a fresh database, and a second run finds nothing to do.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { migrate } from "@remotegpu/control-plane/server/store/migrate";
import {
  startThrowawayPostgres,
  type ThrowawayPostgres,
} from "../../support/engines/postgres-servers/throwaway-postgres.ts";
import { type ExpectedFinding, expectedAfterUpgrade } from "../../support/old-system/expected.ts";
import { oldSystem, type OldRows, type OldSystem } from "../../support/old-system/old-database.ts";
import { formsByHand, type OldForm, untouchedForms } from "../../support/old-system/old-form.ts";
import { oldFromNew, oldStyle } from "../../support/old-system/old-from-new.ts";
import { oldRows } from "../../support/old-system/old-rows.ts";
import { nextIds, rowsAsText, rowVersions } from "../../support/old-system/rows-as-text.ts";
import { orderFree, schemaText } from "../../support/old-system/schema-text.ts";
import { freshDatabase } from "../../support/engines/postgres.ts";

/** A failure is made smaller until then; a run without one is over long before. */
const SHRINK_UNTIL_MS = 45_000;

describe.each([
  { version: 18, runs: 3 },
  { version: 15, runs: 1 },
] as const)("on Postgres $version", ({ version, runs }) => {
  let server: ThrowawayPostgres | undefined;
  let old: OldSystem;
  let freshSchema: string;
  beforeAll(async () => {
    if (version === 15) server = await startThrowawayPostgres(15);
    old = await oldSystem(server?.url ?? inject("postgresUrl"));
    const fresh = await freshDatabase();
    freshSchema = orderFree(await schemaText(fresh.database));
    await fresh.drop();
  });
  afterAll(async () => {
    await old.drop();
    await server?.stop();
  });

  /** A form, and rows for it. */
  function cases(forms: fc.Arbitrary<OldForm>): fc.Arbitrary<{ form: OldForm; rows: OldRows }> {
    return forms.chain((form) => oldRows(old.columns, form).map((rows) => ({ form, rows })));
  }

  test.each([
    { what: "old tables as they were found", forms: untouchedForms },
    { what: "old tables to which somebody added some of the change by hand", forms: formsByHand },
  ])("$what", async ({ forms }) => {
    const property = fc.asyncProperty(cases(forms), async ({ form, rows }) => {
      const made = await old.database(form, rows);
      const { database } = made;
      try {
        const before = await rowsAsText(database);
        const idsBefore = await nextIds(database);
        const expected = expectedAfterUpgrade(before);

        await migrate(database);

        expect(await rowsAsText(database), "every new row is what the contract says").toEqual(expected.rows);
        expect(await findingsOf(database), "the report names what it must").toEqual(
          inOrder(expected.findings),
        );
        const readBack = await oldFromNew(database, old.columns);
        expect(oldStyle(readBack, before, old.columns), "nothing is lost").toEqual(
          oldStyle(before, before, old.columns),
        );
        expect(await nextIds(database), "new rows get the ids they would have got").toEqual(idsBefore);
        const schema = await schemaText(database);
        expect(orderFree(schema), "the schema is that of a fresh database").toEqual(freshSchema);

        const versions = await rowVersions(database);
        expect((await migrate(database)).applied, "a second run has nothing to do").toEqual([]);
        expect(await rowVersions(database), "a second run writes no row").toEqual(versions);
        expect(await schemaText(database), "a second run leaves the schema").toBe(schema);
      } finally {
        await made.drop();
      }
    });

    await fc.assert(property, { numRuns: runs, interruptAfterTimeLimit: SHRINK_UNTIL_MS });
  });
});

async function findingsOf(database: Database): Promise<ExpectedFinding[]> {
  const { rows } = await database.query<ExpectedFinding & Record<string, unknown>>(
    "SELECT finding, table_name, row_id, column_name, old_value FROM upgrade_findings",
  );
  return inOrder(rows);
}

function inOrder(findings: ExpectedFinding[]): ExpectedFinding[] {
  const key = (finding: ExpectedFinding) =>
    JSON.stringify([finding.finding, finding.table_name, finding.row_id, finding.column_name]);
  return findings
    .map((finding) => ({ key: key(finding), finding }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ finding }) => finding);
}
