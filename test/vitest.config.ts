/** The suite. Unit tests first; then what needs real parts, which mostly waits for them: a few files at a time. */
import { defineConfig } from "vitest/config";
import { ownedName } from "./support/containers/owned-name.ts";
import { COMPILED } from "./support/suite/compiled.ts";
import { ClosingLine } from "./support/suite/closing-line.ts";
import { LeftOut } from "./support/suite/left-out.ts";
import { MeasuredFiles } from "./support/suite/seconds/measured-files.ts";
import { NoEndlessRun } from "./support/suite/no-endless-run.ts";
import { LongestFirst } from "./support/suite/seconds/longest-first.ts";
import { PlanTable } from "./support/suite/plan-table.ts";
import { SizeTable } from "./support/suite/size-table.ts";
import { globsOf, tierNamed } from "./support/suite/tiers.ts";
import { TimeTable } from "./support/suite/seconds/time-table.ts";

const postgresServer = new URL("support/engines/postgres-servers/postgres-server.ts", import.meta.url)
  .pathname;
const operatorKeys = new URL("support/engines/operator-keys.ts", import.meta.url).pathname;
const builtDashboard = new URL("support/dashboard/built.ts", import.meta.url).pathname;
const chromiumServer = new URL("support/engines/chromium/chromium-server.ts", import.meta.url).pathname;
const deadRuns = new URL("support/suite/dead-runs.ts", import.meta.url).pathname;
const images = new URL("support/suite/images.ts", import.meta.url).pathname;
const commandFile = new URL("support/suite/command-file.ts", import.meta.url).pathname;
/** In the environment of all that the run starts. */
const mark = ownedName("run");
process.env["REMOTEGPU_TEST_RUN"] = mark;
Object.assign(process.env, COMPILED);
const tier = tierNamed(process.env["TEST_TIER"]);
/** Files with only a database, at a time: they compute for most of their time, and Postgres for the rest of it. */
const DATABASE_LANES = 3;
/** Files with real parts, at a time, for two cores: each computes for a third of its time. TEST_LANES is another number. */
const LANES = Number(process.env["TEST_LANES"] ?? 4);
/**
 * In `npm test` no test passes by a second try. In the rest what waits for real parts is tried twice until whole runs need
 * it no more; the end of a run names what needed it, for somebody to mend. Pages, single parts and whole systems share the
 * lanes.
 */
const REAL_PARTS = {
  maxWorkers: LANES,
  maxConcurrency: 3,
  retry: tier === "test" ? 0 : 1,
  sequence: { groupOrder: 3 },
};
const realParts = [deadRuns, postgresServer, images, operatorKeys, builtDashboard, chromiumServer];

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    // Of what hangs. Busy machines are slow, and no test asserts time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Node itself runs the tests, like the product: what a bundler does for each file took a sixth of the processor time.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    sequence: { sequencer: LongestFirst },
    reporters: [
      "default",
      new SizeTable(),
      new TimeTable(),
      new MeasuredFiles(),
      new LeftOut(tier),
      new PlanTable(),
      new ClosingLine(),
      new NoEndlessRun(mark),
    ],
    projects: [
      {
        extends: true,
        // What is pure shares nothing: a process of its own for each file would take most of the time.
        test: {
          name: "unit",
          include: globsOf("unit", tier),
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        // What needs little more than a database imports the same API: a process for each file would load it once for each.
        test: {
          name: "database",
          include: globsOf("database", tier),
          isolate: false,
          maxWorkers: DATABASE_LANES,
          sequence: { groupOrder: 2 },
          globalSetup: [deadRuns, postgresServer, operatorKeys],
        },
      },
      {
        extends: true,
        // Each would load the API and the driver of the browser anew.
        test: {
          name: "pages",
          include: globsOf("pages", tier),
          isolate: false,
          ...REAL_PARTS,
          globalSetup: realParts,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: globsOf("integration", tier),
          ...REAL_PARTS,
          globalSetup: realParts,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: globsOf("system", tier),
          ...REAL_PARTS,
          globalSetup: [...realParts, commandFile],
        },
      },
    ],
  },
});
