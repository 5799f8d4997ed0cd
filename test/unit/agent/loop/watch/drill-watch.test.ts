/** What a drill has the agent see, and for how long. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DrillFolder } from "@remotegpu/agent/host/drill-folder";
import { DrillWatch } from "@remotegpu/agent/loop/watch/drill-watch";
import { GpuUuid } from "@remotegpu/shared/values/ids";
import { quietLog } from "../../../../support/quiet-log.ts";

const CARD = GpuUuid.parse("GPU-11111111-1111-1111-1111-111111111111");
const RUNNING = { pid: 7, startTicks: 70, clockAheadMs: 3_600_000, lostCard: CARD };

let stateDir: string;
let folder: DrillFolder;
let startTicks: number | null;
let watch: DrillWatch;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "drill-watch-"));
  folder = new DrillFolder(stateDir);
  startTicks = 70;
  watch = new DrillWatch({ folder, processStart: () => Promise.resolve(startTicks), log: quietLog });
});
afterEach(() => rmSync(stateDir, { recursive: true }));

const seen = async () => {
  await watch.check();
  const { clockAheadMs, lostCard, degraded } = watch;
  return { clockAheadMs, lostCard, degraded };
};
const NOTHING = { clockAheadMs: 0, lostCard: null, degraded: [] };

test("without a drill nothing is played, and none is reported", async () => {
  expect(await seen()).toEqual(NOTHING);
  expect(watch.report).toBeNull();
});

test("what a drill plays is seen while its process lives, and is over with it", async () => {
  folder.setSwitches(RUNNING);
  writeFileSync(folder.fillerFile, "room");
  expect(await seen()).toEqual({ clockAheadMs: 3_600_000, lostCard: CARD, degraded: ["drill"] });

  startTicks = null;

  expect(await seen()).toEqual(NOTHING);
  expect(folder.switches()).toBeNull();
  expect(() => readFileSync(folder.fillerFile)).toThrow("ENOENT");
});

test("another process with the drill's number is not the drill", async () => {
  folder.setSwitches(RUNNING);
  startTicks = 71;

  expect(await seen()).toEqual(NOTHING);
});

test("the certificate outlives what was played; a file that was cut off counts as none", async () => {
  folder.setCertificate({ document: "{}", signature: "s" });
  folder.cleanUp();
  await watch.check();
  expect(watch.report).toEqual({ document: "{}", signature: "s" });

  writeFileSync(join(stateDir, "drill", "certificate.json"), '{"document":');
  await watch.check();

  expect(watch.report).toBeNull();
});
