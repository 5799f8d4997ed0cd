/** Releases and what this version may not do, since the previous one runs beside it: the file that names them, and migrations. */
import { execa } from "execa";
import { MIGRATIONS, readMigrations } from "@remotegpu/control-plane/server/store/migrate";
import { VERSION } from "@remotegpu/control-plane/server/release/version";
import { AGENT_VERSION } from "@remotegpu/agent/process/version";
import { describe, expect, test } from "vitest";
import { ALLOWED_STEPS } from "../../support/release/allowed-steps.ts";
import { contractingSteps } from "../../support/release/contracting-steps.ts";
import { isInClone, NOT_IN_CLONE, PREVIOUS, RELEASES, REPOSITORY } from "../../support/release/releases.ts";

const IS_THERE = await isInClone(PREVIOUS);
const stepsOf = (sql: string) => contractingSteps([{ name: "0099_any.sql", sql }]).map(({ step }) => step);

describe("migrations since the previous release", () => {
  test("take away, rename and narrow nothing that it uses, unless a reason stands in allowed-steps.ts", async () => {
    const newer = (await readMigrations(MIGRATIONS)).filter(({ name }) => name > PREVIOUS.lastMigration);

    const allowed = ALLOWED_STEPS.map(({ migration, step }) => ({ migration, step }));

    expect(contractingSteps(newer)).toEqual(allowed);
  });

  test.each([
    ["DROP TABLE hosts;", ["drop table hosts"]],
    ["DROP TABLE IF EXISTS public.hosts CASCADE;", ["drop table hosts"]],
    ["DROP VIEW workloads;", ["drop view workloads"]],
    ["DROP INDEX IF EXISTS uq_open;", ["drop index uq_open"]],
    ["DROP FUNCTION refuse_change();", ["drop function refuse_change"]],
    ["TRUNCATE hosts;", ["truncate hosts"]],
    ["REVOKE INSERT, UPDATE ON hosts FROM remotegpu_app;", ["revoke hosts"]],
    ["CREATE UNIQUE INDEX IF NOT EXISTS uq_a ON hosts (name);", ["unique index on hosts"]],
    ["CREATE TRIGGER t BEFORE UPDATE ON hosts FOR EACH ROW EXECUTE FUNCTION f();", ["trigger on hosts"]],
    ["ALTER TABLE hosts RENAME COLUMN name TO title;", ["rename hosts"]],
    ["ALTER TABLE hosts RENAME TO machines;", ["rename hosts"]],
    ["ALTER TABLE ONLY hosts DROP COLUMN IF EXISTS name;", ["drop column hosts"]],
    ["ALTER TABLE hosts DROP name;", ["drop column hosts"]],
    [
      "alter table hosts drop constraint hosts_check, add check (port > 0);",
      ["drop constraint hosts", "constraint hosts"],
    ],
    ["ALTER TABLE hosts ALTER COLUMN name SET NOT NULL;", ["set not null hosts"]],
    ["ALTER TABLE hosts ALTER name DROP NOT NULL;", ["nulls allowed hosts"]],
    ["ALTER TABLE hosts ALTER name DROP DEFAULT;", ["drop default hosts"]],
    ["ALTER TABLE hosts ALTER COLUMN name TYPE varchar(8);", ["change of type hosts"]],
    ["ALTER TABLE hosts ADD COLUMN a int NOT NULL;", ["column without default hosts"]],
    ["DO $$ BEGIN ALTER TABLE hosts DROP COLUMN name; END $$;", ["drop column hosts"]],
  ])("%s is found", (sql, steps) => {
    expect(stepsOf(sql)).toEqual(steps);
  });

  test.each([
    "ALTER TABLE hosts ADD COLUMN IF NOT EXISTS a jsonb, ADD COLUMN b numeric(20, 4) NOT NULL DEFAULT 0;",
    "CREATE TABLE t (a int NOT NULL CHECK (a > 0)); CREATE UNIQUE INDEX uq ON t (a); ALTER TABLE t ADD CHECK (a > 1);",
    "CREATE INDEX IF NOT EXISTS idx_a ON hosts (name) WHERE deleted_at IS NULL;",
    "-- DROP TABLE hosts;\nCOMMENT ON TABLE hosts IS 'nobody may drop column; or DROP TABLE hosts';",
    "CREATE OR REPLACE VIEW workloads AS SELECT 1;",
    "UPDATE hosts SET name = 'x' WHERE name IS NOT NULL;",
  ])("%s is no hindrance", (sql) => {
    expect(stepsOf(sql)).toEqual([]);
  });
});

describe("the file of releases", () => {
  test("rises in versions, and this version is of a later one", () => {
    const numbers = [...RELEASES.map(({ version }) => version), VERSION].map((version) =>
      version
        .split(".")
        .map((part) => part.padStart(6, "0"))
        .join("."),
    );

    expect(numbers).toEqual(numbers.toSorted());
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(AGENT_VERSION).toBe(VERSION);
  });

  test.skipIf(!IS_THERE)(
    `has of the previous one its version and its last migration${IS_THERE ? "" : ` (${NOT_IN_CLONE})`}`,
    async () => {
      const git = async (...words: string[]) => (await execa("git", words, { cwd: REPOSITORY })).stdout;
      const manifest = await git("show", `${PREVIOUS.commit}:package.json`);
      const files = await git("ls-tree", "--name-only", PREVIOUS.commit, "control-plane/migrations/");
      const migrations = files.split("\n").filter((file) => /\/\d{4}_\w+\.sql$/.test(file));

      expect(JSON.parse(manifest)).toMatchObject({ version: PREVIOUS.version });
      expect(migrations.at(-1)).toBe(`control-plane/migrations/${PREVIOUS.lastMigration}`);
    },
  );
});
