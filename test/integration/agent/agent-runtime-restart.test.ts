/** The container runtime itself is restarted or stands still under an agent; a real one of the test's own. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { EXTEND_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import { NO_LIVE_RESTORE } from "@remotegpu/agent/loop/watch/runtime-watch";
import type { RunId } from "@remotegpu/shared/values/ids";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { eventually } from "../../support/eventually.ts";
import { AGENT } from "../../support/programs/program.ts";
import { OwnDockerd } from "../../support/containers/own-dockerd.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
/** So long ago that it has been asked again what it can do. */
const LEARNED_AGAIN_MS = 61_000;

let controlPlane: ScriptedControlPlane;
let runtime: OwnDockerd;
let agent: AgentUnderTest;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  runtime = ending.adopt(await OwnDockerd.start({ liveRestore: false }), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane, { socketPath: runtime.socketPath }), (one) =>
    one.end(),
  );
  agent.host.order([desiredOf("a", {}, { live })]);
  await agent.host.reported("run-a", { phase: "ready" });
});
afterAll(() => ending.disposeAsync());

const lastHeartbeat = () => agent.host.heartbeats.at(-1);
const textsOf = (flag: string) => lastHeartbeat()?.degraded.includes(flag);
const warnings = () => agent.log.lines.filter(({ message }) => message.includes("has no live-restore"));

async function container() {
  const seen = await agent.host.reported("run-a", { phase: "ready", problem: null });
  const { Id, State } = await runtime.client.getContainer(seen.containerId ?? "").inspect();
  return { id: Id, pid: State.Pid, startedAt: State.StartedAt };
}

/** Resolves once the agent has looked again at the world as it is from now on. */
async function checksAgain(): Promise<void> {
  const beforeMs = agent.nowMs;
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(() => (lastHeartbeat()?.monotonicMs ?? 0) > beforeMs + EXTEND_EVERY_MS, {
    what: "a heartbeat of afterwards",
  });
}

test("a runtime without live-restore is reported loudly, and is a flag of the host's health", async () => {
  await eventually(() => textsOf("no-live-restore"));

  expect(warnings()).toMatchObject([{ level: "error" }]);
  expect(agent.host.report?.machine).toMatchObject({ runtime: { name: "docker", liveRestore: false } });
});

test("a host that joins with such a runtime hears it before anything runs there", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "rg-join-"));

  const { exitCode, stderr } = await execa(process.execPath, [AGENT, "join"], {
    reject: false,
    env: {
      REMOTEGPU_STATE_DIR: stateDir,
      // Nobody is there: what is said before the join is all that is asked for.
      REMOTEGPU_SERVER: "http://127.0.0.1:9",
      REMOTEGPU_JOIN_TOKEN: "rgj_none",
      REMOTEGPU_RUNTIME_SOCKET: runtime.socketPath,
    },
  });
  await rm(stateDir, { recursive: true });

  expect(exitCode).toBe(1);
  expect(stderr).toContain(`remotegpu-agent: WARNING: ${NO_LIVE_RESTORE}`);
});

test("its restart ends the container, which comes back inside its run; the time between is not charged", async () => {
  const before = await container();

  await runtime.restart();
  const after = await eventually(
    async () => {
      const now = await container();
      return now.pid !== 0 && now.pid !== before.pid && now;
    },
    { withinMs: 60_000, what: "the container again" },
  );

  expect(after.id).toBe(before.id);
  expect(agent.journal.runs.all().map(({ runId, end }) => [runId, end])).toEqual([["run-a", null]]);
  await checksAgain();
  const interval = await eventually(() => {
    const now = agent.journal.intervals().get("run-a" as RunId);
    return now?.pid === after.pid && now;
  });
  const lifeMs = Date.now() - Date.parse(after.startedAt);
  // Nothing is claimed from before its second life but what was seen of the first.
  expect(agent.nowMs - interval.startMs).toBeLessThan(lifeMs + EXTEND_EVERY_MS + 1_000);
});

test("set to live-restore while it runs, it is queried again and the flag goes", async () => {
  await runtime.reload({ liveRestore: true });
  agent.setForward(LEARNED_AGAIN_MS);

  await eventually(() => textsOf("no-live-restore") === false, { what: "the flag down" });

  await eventually(() => agent.host.report?.machine?.runtime?.liveRestore === true);
  expect(warnings()).toHaveLength(1);
});

test("its restart then ends nothing: same process, one unbroken run", async () => {
  const before = await container();
  const rows = agent.host.usageOf("run-a").length;

  await runtime.restart();
  await checksAgain();

  expect(await container()).toEqual(before);
  agent.setForward(LEARNED_AGAIN_MS);
  await eventually(() => agent.host.usageOf("run-a").length > rows, { what: "rows of afterwards" });
  const since = agent.host.usageOf("run-a").slice(rows);
  expect(since.slice(1).filter((row, at) => row.startMs !== since[at]?.endMs)).toEqual([]);
});

test("a stalled runtime is reported within 30 s, while the meter reads /proc; then all is as before", async () => {
  const before = await container();
  onTestFinished(() => runtime.signal("SIGCONT"));
  runtime.signal("SIGSTOP");
  const stoppedMs = agent.nowMs;

  await eventually(() => textsOf("runtime-down"), { withinMs: 60_000, what: "runtime-down" });
  agent.setForward(EXTEND_EVERY_MS);
  await eventually(
    () => (agent.journal.intervals().get("run-a" as RunId)?.endMs ?? 0) >= stoppedMs + EXTEND_EVERY_MS,
    { what: "a tick of meanwhile" },
  );
  runtime.signal("SIGCONT");
  await eventually(() => textsOf("runtime-down") === false, { withinMs: 60_000, what: "the flag down" });

  expect(await container()).toEqual(before);
});
