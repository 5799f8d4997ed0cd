/** The suite. Unit tests first; then what needs real parts, which mostly waits for them: a few files at a time. */
import { defineConfig } from "vitest/config";
import { ownedName } from "./support/containers/owned-name.ts";
import { COMPILED } from "./support/suite/compiled.ts";
import { ClosingLine } from "./support/suite/closing-line.ts";
import { NoEndlessRun } from "./support/suite/no-endless-run.ts";
import { LANES, SideBySide } from "./support/suite/side-by-side.ts";
import { SizeTable } from "./support/suite/size-table.ts";
import { TimeTable } from "./support/suite/time-table.ts";

const postgresServer = new URL("support/engines/postgres-server.ts", import.meta.url).pathname;
const operatorKeys = new URL("support/engines/operator-keys.ts", import.meta.url).pathname;
const builtDashboard = new URL("support/dashboard/built.ts", import.meta.url).pathname;
const chromiumServer = new URL("support/engines/chromium-server.ts", import.meta.url).pathname;
const deadRuns = new URL("support/suite/dead-runs.ts", import.meta.url).pathname;
const images = new URL("support/suite/images.ts", import.meta.url).pathname;
const commandFile = new URL("support/suite/command-file.ts", import.meta.url).pathname;
/** In the environment of all that the run starts. */
const mark = ownedName("run");
process.env["REMOTEGPU_TEST_RUN"] = mark;
Object.assign(process.env, COMPILED);
/**
 * What waits for real parts on a machine that does other things as well is tried twice; the end of a run names what
 * needed it. Whole systems and single parts share the lanes.
 */
const REAL_PARTS = { maxWorkers: LANES, retry: 1, sequence: { groupOrder: 2 } };

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    // Of what hangs. Busy machines are slow, and no test asserts time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Node itself runs the tests, like the product: what a bundler does for each file took a sixth of the processor time.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    sequence: { sequencer: SideBySide },
    reporters: ["default", new SizeTable(), new TimeTable(), new ClosingLine(), new NoEndlessRun(mark)],
    projects: [
      {
        extends: true,
        // What is pure shares nothing: a process of its own for each file would take most of the time.
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts"],
          isolate: false,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          ...REAL_PARTS,
          globalSetup: [deadRuns, postgresServer, images, operatorKeys, builtDashboard, chromiumServer],
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/system/**/*.test.ts"],
          ...REAL_PARTS,
          globalSetup: [
            deadRuns,
            postgresServer,
            images,
            operatorKeys,
            builtDashboard,
            chromiumServer,
            commandFile,
          ],
        },
      },
    ],
  },
});
