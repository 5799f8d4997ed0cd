/**
 * Replicas of the previous release run beside those of this one, on the schema that this one's migrations make. What the
 * previous one does with a database it therefore does here: its own tests, at its own commit, on that schema.
 */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MIGRATIONS } from "@remotegpu/control-plane/server/store/migrate";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type BuiltRelease, previousRelease } from "../../support/release/previous-release.ts";
import { IS_WHOLE_PROOF } from "../../support/release/proof-of-releases.ts";
import { isInClone, NOT_IN_CLONE, PREVIOUS } from "../../support/release/releases.ts";
import { MigratedCheckout } from "../../support/release/store-tests.ts";

const IS_THERE = await isInClone(PREVIOUS);
const LEFT_OUT = IS_THERE ? "" : ` (${NOT_IN_CLONE})`;
const OURS = fileURLToPath(MIGRATIONS);
const WITHIN_MS = IS_WHOLE_PROOF ? 1_500_000 : 400_000;
/** Building the previous release takes most of it, once. */
const BEGUN_WITHIN_MS = 600_000;

/** Of every store at least one file, each of a few seconds at most; the others by `npm run proof:releases`. */
const SELECTION = [
  "integration/billing/charge-runs",
  "integration/billing/invoices",
  "integration/billing/running-costs",
  "integration/billing/storage-sampling",
  "integration/hosts/fleet-map",
  "integration/hosts/heartbeats",
  "integration/hosts/host-canaries",
  "integration/hosts/gpus/gpu-history",
  "integration/http/audit-log",
  "integration/http/http-resources",
  "integration/http/sealed-values",
  "integration/images/image-registries",
  "integration/journal/ingest.test.ts",
  "integration/leases/port-leases",
  "integration/placement/gangs",
  "integration/placement/placement-batches",
  "integration/spending/alerts",
  "integration/spending/prices-http",
  "integration/ssh/access-log",
  "integration/workloads/environments.test.ts",
  "integration/workloads/jobs",
  "integration/workloads/services",
];

let release: BuiltRelease;

beforeAll(async () => {
  if (IS_THERE) release = await previousRelease();
}, BEGUN_WITHIN_MS);

describe.skipIf(!IS_THERE)(`the stores of release ${PREVIOUS.version}${LEFT_OUT}`, () => {
  test(
    `work on the schema of this one: ${IS_WHOLE_PROOF ? "all their tests" : "a part of their tests"}`,
    async () => {
      await using checkout = await MigratedCheckout.of(release, OURS);

      const { passed, failures } = await checkout.test(IS_WHOLE_PROOF ? [] : SELECTION, {
        withinMs: WITHIN_MS,
      });

      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(IS_WHOLE_PROOF ? 1_000 : 200);
    },
    WITHIN_MS,
  );

  test("do not work where a column is renamed and another is gone: both are found", async () => {
    const migrations = await ownMigrations();
    await writeFile(
      join(migrations, "9999_planted.sql"),
      `ALTER TABLE host_canaries RENAME COLUMN outcome TO result;
       ALTER TABLE alert_rules DROP COLUMN monthly_limit;`,
    );
    await using checkout = await MigratedCheckout.of(release, migrations);

    const { failures } = await checkout.test(
      ["integration/hosts/host-canaries", "integration/spending/alerts"],
      { withinMs: WITHIN_MS },
    );

    const errors = failures.map(({ error }) => error).join("\n");
    expect(errors).toMatch(/column .*outcome.* does not exist/);
    expect(errors).toMatch(/column .*monthly_limit.* does not exist/);
  });
});

/** A copy, for a test to add to; removed at its end. */
async function ownMigrations(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "remotegpu-migrations-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await cp(OURS, folder, { recursive: true });
  return folder;
}
