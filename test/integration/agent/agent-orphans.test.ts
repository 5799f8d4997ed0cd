/** A container that nobody orders any more after the journal was lost: told, kept, and removed only on demand. */
import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ORPHAN_GRACE_MS } from "@remotegpu/agent/core/runs/orphans";
import { JOURNAL_FILE, openJournal } from "@remotegpu/agent/journal/journal";
import type { JournalId } from "@remotegpu/shared/values/ids";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, importBusyboxImage } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { BALLAST_BYTES } from "../../support/samples/journal-samples.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
const stray = desiredOf("stray", {}, { live });
const stored = desiredOf("kept", { network: "ws-2" }, { live });
let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  await importBusyboxImage();
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
});
afterAll(() => ending.disposeAsync());

async function isRunning(containerId: string | null): Promise<boolean> {
  return (await docker.getContainer(containerId ?? "").inspect()).State.Running;
}

/** The next agent finds the orphan a moment before the end of its grace. */
async function almostOver(): Promise<void> {
  await agent.stop();
  const journal = openJournal({
    folder: agent.stateDir,
    newJournalId: () => randomUUID() as JournalId,
    ballastBytes: BALLAST_BYTES,
  });
  journal.orphans.put(
    journal.orphans.read().map((orphan) => ({ ...orphan, countedMs: ORPHAN_GRACE_MS - 1 })),
  );
  journal.close();
}

const output = () => agent.log.lines.map(({ message }) => message);

test("after the journal is lost it is reported, goes on, and its absence from the set takes nothing away", async () => {
  agent.host.order([stray, stored]);
  await agent.host.reported("run-stray", { phase: "ready" });
  const { containerId } = await agent.host.reported("run-kept", { phase: "ready" });
  await agent.stop();
  for (const suffix of ["", "-wal", "-shm"])
    await rm(join(agent.stateDir, JOURNAL_FILE + suffix), { force: true });
  agent.host.order([stored]);

  await agent.start();
  await eventually(() => agent.host.heartbeats.at(-1)?.degraded.includes("orphans"), { what: "the flag" });

  const seen = await agent.host.reported("run-stray", { phase: "ready", problem: null });
  expect(seen.detail).toContain("the desired set does not name it");
  expect(await isRunning(seen.containerId)).toBe(true);
  expect(await isRunning(containerId)).toBe(true);
  expect(agent.journal.orphans.read()).toMatchObject([{ runId: "run-stray", countedMs: 0 }]);
});

test("its grace over, it stays unless the operator wants it gone, and the log states so", async () => {
  await almostOver();
  await agent.start();

  await eventually(() => output().some((line) => line.includes("REMOTEGPU_REAP_ORPHANS=1 would remove it")), {
    what: "what would be done",
  });

  const seen = await agent.host.reported("run-stray", { phase: "ready" });
  expect(await isRunning(seen.containerId)).toBe(true);
});

test("with the operator's word it is stopped and removed, its run closed free; what is ordered runs on", async () => {
  const orphan = await agent.host.reported("run-stray", { phase: "ready" });
  const before = await agent.host.reported("run-kept", { phase: "ready" });
  await almostOver();
  agent.reapsOrphans = true;
  await agent.start();

  await eventually(() => agent.host.observed("run-stray") === undefined, { what: "the end of the orphan" });

  await expect(docker.getContainer(orphan.containerId ?? "").inspect()).rejects.toMatchObject({
    statusCode: 404,
  });
  expect(await isRunning(before.containerId)).toBe(true);
  expect(agent.log.lines).toContainEqual(
    expect.objectContaining({
      level: "warn",
      fields: expect.objectContaining({ runId: "run-stray", orderedBy: "REMOTEGPU_REAP_ORPHANS" }),
    }),
  );
  await eventually(() => agent.host.heartbeats.at(-1)?.degraded.includes("orphans") === false, {
    what: "the flag down",
  });
  const proven = agent.host
    .usageOf("run-stray")
    .filter(({ startMs, endMs, final }) => final && startMs < endMs);
  expect(proven).toEqual([]);
});
