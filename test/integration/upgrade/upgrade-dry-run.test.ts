/** `migrate --dry-run` and `--strict`: what they say, and that they leave everything as it is. */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "@remotegpu/control-plane/server/store/database/database";
import { migrate, planMigration } from "@remotegpu/control-plane/server/store/migrate";
import { oldSystem, type OldSystem } from "../../support/old-system/old-database.ts";
import { AS_FOUND, formsByHand } from "../../support/old-system/old-form.ts";
import { oldRows } from "../../support/old-system/old-rows.ts";
import { nextIds, rowVersions } from "../../support/old-system/rows-as-text.ts";
import { schemaText } from "../../support/old-system/schema-text.ts";

let old: OldSystem;
beforeAll(async () => {
  old = await oldSystem();
});
afterAll(() => old.drop());

test("a dry run writes nothing and reports what the run will do, step by step and row by row", async () => {
  const cases = formsByHand.chain((form) => oldRows(old.columns, form).map((rows) => ({ form, rows })));
  const property = fc.asyncProperty(cases, async ({ form, rows }) => {
    const made = await old.database(form, rows);
    const { database } = made;
    try {
      const before = await everything(database);

      const planned = await planMigration(database);
      expect(await everything(database)).toEqual(before);
      const done = await migrate(database);

      expect(planned).toEqual(done);
      expect(planned.steps.map(({ title }) => title)).not.toEqual([]);
    } finally {
      await made.drop();
    }
  });

  await fc.assert(property, { numRuns: 2, interruptAfterTimeLimit: 45_000 });
});

test("with strict, anything to report is a refusal that touches nothing", async () => {
  const job = { customer_id: 1, name: "job", dataset_id: 1 };
  const jobs = [
    { ...job, id: "without image", script_path: "train.py" },
    { ...job, id: "spaces", script_path: "python train.py" },
  ];
  const made = await old.database(AS_FOUND, { training_jobs: jobs });
  const before = await everything(made.database);

  await expect(migrate(made.database, { strict: true })).rejects.toThrow(
    /review: training_jobs\.command \(1\).*nothing was changed/,
  );

  expect(await everything(made.database)).toEqual(before);
  await made.drop();
});

test("with strict, rows without anything to report are upgraded", async () => {
  const environment = {
    id: "env-1",
    customer_id: 1,
    host_id: "host-1",
    name: "one",
    image: "busybox",
    cpu: 1,
    memory: 1,
  };
  const job = {
    id: "job-1",
    customer_id: 1,
    name: "job",
    env_id: "env-1",
    script_path: "train.py",
    status: "pending",
  };
  const made = await old.database(AS_FOUND, { environments: [environment], training_jobs: [job] });

  const { applied, report } = await migrate(made.database, { strict: true });

  expect(applied).not.toEqual([]);
  expect(report.findings).toEqual([]);
  await made.drop();
});

/** Row versions name the transaction that wrote them, so they also tell that nothing was written and taken back. */
async function everything(database: Database): Promise<object> {
  const { rows } = await database.query(
    "SELECT nspname, relname, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY 1, 2, 3",
  );
  return {
    rows: await rowVersions(database),
    ids: await nextIds(database),
    relations: rows,
    schema: await schemaText(database),
  };
}
