/** The health file, read back. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { AgentHealth } from "@remotegpu/agent/core/upgrade/health";
import { healthFile, readHealth, writeHealth } from "@remotegpu/agent/host/health-file";
import { BOOT, instanceId, runId } from "../../../support/samples/run-samples.ts";

const health: AgentHealth = {
  version: "0.2.0",
  pid: 4711,
  bootId: BOOT,
  agentEpoch: 3,
  startedMs: 1_000,
  readyMs: null,
  writtenMs: 2_000,
  heartbeats: 0,
  controlPlane: "away",
  ticks: 1,
  lastTickMs: 1_900,
  instances: [
    { instanceId: instanceId("env-1"), runId: runId("run-1"), pid: 12, startTicks: 34, state: "running" },
    { instanceId: instanceId("env-2"), runId: runId("run-2"), pid: null, startTicks: null, state: "exited" },
  ],
  unorderedEnds: 0,
};

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "rg-health-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("what was written last is read, by root alone", () => {
  const stateDir = folder();

  writeHealth(stateDir, { ...health, ticks: 0 });
  writeHealth(stateDir, health);

  expect(readHealth(stateDir)).toEqual(health);
  expect(statSync(healthFile(stateDir)).mode & 0o777).toBe(0o600);
});

test("what a later agent adds is left out", () => {
  const stateDir = folder();
  writeFileSync(healthFile(stateDir), JSON.stringify({ ...health, mood: "good" }));

  expect(readHealth(stateDir)).toEqual(health);
});

test.each([
  ["is missing", null],
  ["is empty", ""],
  ["is cut off", JSON.stringify(health).slice(0, 100)],
  ["lacks a figure", JSON.stringify({ ...health, ticks: undefined })],
])("one that %s is none", (_what, text) => {
  const stateDir = folder();
  if (text !== null) writeFileSync(healthFile(stateDir), text);

  expect(readHealth(stateDir)).toBeNull();
});
