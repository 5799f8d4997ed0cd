/**
 * A container whose first process was taken over by its customer and looks dead, and containers that the runtime was
 * made to lose: the meter goes on, nothing of them is free, and a stop ends with nothing of them alive.
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EXTEND_EVERY_MS } from "@remotegpu/agent/core/metering/usage-interval";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { nativeProgram } from "../../support/containers/native-program.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
const program = nativeProgram("leader-exit");
const groups = new ContainerGroups();
const started: AgentUnderTest[] = [];
let controlPlane: ScriptedControlPlane;

beforeAll(async () => {
  controlPlane = await ScriptedControlPlane.start();
});

afterAll(async () => {
  const ends = await Promise.allSettled(started.map((agent) => agent.end()));
  await controlPlane.close();
  rmSync(program.folder, { recursive: true });
  for (const end of ends) if (end.status === "rejected") throw end.reason;
});

async function startAgent({ simulatedGpus = 0 } = {}): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane, { simulatedGpus });
  started.push(agent);
  return agent;
}

/** From now on the first process of each new container becomes a program whose first thread ends. */
async function takeOverFirstProcesses({ stateDir }: AgentUnderTest): Promise<void> {
  const [version = ""] = await readdir(join(stateDir, "toolbox"));
  const toolbox = join(stateDir, "toolbox", version);
  await copyFile(program.path, join(toolbox, "leader-exit"));
  await writeFile(join(toolbox, "init"), "#!/.remotegpu/busybox sh\nexec /.remotegpu/leader-exit\n");
  for (const name of ["init", "leader-exit"]) await chmod(join(toolbox, name), 0o755);
}

const wanted = (name: string, gpus: DesiredInstance["spec"]["gpus"] = []): DesiredInstance =>
  desiredOf(name, { gpus }, { live });
const stopped = (order: DesiredInstance): DesiredInstance => ({
  ...order,
  want: "stopped",
  orderedBy: "customer",
});

async function containerOf({ hostId }: AgentUnderTest, run: string): Promise<string> {
  const filters = JSON.stringify({ label: [`${LABEL.host}=${hostId}`, `${LABEL.run}=${run}`] });
  const [found] = await docker.listContainers({ all: true, filters });
  if (found === undefined) throw new Error(`there is no container of ${run}`);
  return found.Id;
}

/** A file system of its own; whoever writes to it while it is frozen can be killed by nobody. */
async function frozenDisk(folder: string) {
  const image = `${folder}.img`;
  await execa("truncate", ["--size=32M", image]);
  await execa("mkfs.ext4", ["-q", image]);
  await mkdir(folder);
  await execa("mount", ["-o", "loop", image, folder]);
  const freeze = () => execa("fsfreeze", ["--freeze", folder]);
  const thaw = () => execa("fsfreeze", ["--unfreeze", folder], { reject: false });
  return {
    freeze,
    thaw,
    async [Symbol.asyncDispose]() {
      await thaw();
      await execa("umount", ["--lazy", folder]);
    },
  };
}

/** In a sleep that no signal ends. */
const isStuck = (pid: number) => /\) D /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

/** As /proc has them: "(sleep) S". */
const nameAndState = (pid: number) =>
  /\(.*\) \S/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[0] ?? "nothing";
const DEAD_LEADER = "(leader-exit) Z";

/** The agent's clock goes on by so many ticks, each of which is taken. */
async function tick(agent: AgentUnderTest, run: string, ticks: number): Promise<void> {
  for (let count = 0; count < ticks; count += 1) {
    const before = agent.journal.intervals().get(wanted(run).runId)?.endMs ?? 0;
    agent.setForward(EXTEND_EVERY_MS);
    await eventually(() => (agent.journal.intervals().get(wanted(run).runId)?.endMs ?? 0) > before, {
      what: `tick ${count} of ${run}`,
    });
  }
}

describe.concurrent("a first process that seems dead", () => {
  test("is metered on, and after a stop nothing of it is alive", async () => {
    const agent = await startAgent();
    await takeOverFirstProcesses(agent);
    agent.host.order([wanted("a")]);
    await agent.host.reported("run-a", { phase: "ready" });
    const containerId = await containerOf(agent, "run-a");
    await eventually(() => {
      expect(groups.processesOf(containerId).map(nameAndState)).toContain(DEAD_LEADER);
      return true;
    });

    await tick(agent, "a", 7);
    await eventually(() => agent.host.usageOf("run-a").length > 1, { what: "usage of it" });
    expect(agent.host.observed("run-a")).toMatchObject({ phase: "ready", problem: null });
    const rows = agent.host.usageOf("run-a");
    expect(rows.every(({ proof, final }) => proof === "exact" && !final)).toBe(true);

    agent.host.order([stopped(wanted("a"))]);
    await agent.host.reported("run-a", { phase: "stopped" });
    expect(groups.processesOf(containerId)).toEqual([]);
    await eventually(() => agent.host.usageOf("run-a").some(({ final }) => final), { what: "its last row" });
    const last = agent.host.usageOf("run-a").at(-1);
    expect((last?.endMs ?? 0) - (rows[0]?.startMs ?? 0)).toBeGreaterThanOrEqual(7 * EXTEND_EVERY_MS);
  });
});

describe.concurrent("a container that stands still", () => {
  test.each([
    ["stopped from inside", ["sh", "-c", "kill -STOP -1"]],
    ["paused from outside", null],
  ] as const)("%s costs on, and ends with its stop", async (_how, command) => {
    const agent = await startAgent();
    agent.host.order([wanted("a")]);
    const { instanceId } = await agent.host.reported("run-a", { phase: "ready" });
    const containerId = await containerOf(agent, "run-a");
    await tick(agent, "a", 1);

    if (command === null) await docker.getContainer(containerId).pause();
    else
      await controlPlane.orders.exec(agent.hostId, {
        kind: "exec",
        instanceId,
        argv: [...command],
        stdin: null,
        timeoutSeconds: 1,
      });
    await tick(agent, "a", 3);
    expect(agent.host.observed("run-a")).toMatchObject({ phase: "ready", problem: null });

    agent.host.order([stopped(wanted("a"))]);
    await agent.host.reported("run-a", { phase: "stopped" });
    expect(groups.processesOf(containerId)).toEqual([]);
  });
});

describe.concurrent("what cannot be killed", () => {
  test("is reported by name, and its card is nobody else's until it has ended after all", async ({
    skip,
  }) => {
    if (!existsSync("/dev/loop-control")) return skip("this machine has no loop devices");
    const agent = await startAgent({ simulatedGpus: 1 });
    await using disk = await frozenDisk(join(agent.poolRoot, "slow"));
    const card = await eventually(() => agent.host.report?.gpus?.[0]?.uuid, { what: "its card" });
    const gpus = [{ uuid: card, memoryMib: null }];
    const folders = [{ source: "slow", target: "/gemini/code" }];
    const command = "while :; do echo more >> /gemini/code/file; sleep 0.1; done";
    const order = desiredOf("a", { gpus, folders, command }, { live });
    agent.host.order([order]);
    await agent.host.reported("run-a", { phase: "ready" });
    const containerId = await containerOf(agent, "run-a");

    await disk.freeze();
    await eventually(() => groups.processesOf(containerId).some(isStuck), {
      what: "a process in its depths",
    });
    const next = desiredOf("b", { gpus }, { live });
    agent.host.order([stopped(order), next]);
    const { detail } = await agent.host.reported("run-a", { phase: "stopping", problem: "not-ending" });
    expect(detail).toMatch(/cannot be ended: \d+ \(sh\)/);
    expect(detail).toContain(card);
    expect((await agent.host.reported("run-b", { phase: "starting" })).detail).toContain("still holds");
    expect(agent.host.usageOf("run-a").some(({ final }) => final)).toBe(false);

    await disk.thaw();
    await agent.host.reported("run-a", { phase: "stopped", problem: null }, { withinMs: 60_000 });
    await agent.host.reported("run-b", { phase: "ready" });
  });
});

describe.concurrent("a container that the runtime has lost", () => {
  test.each(["stopped", "removed"] as const)(
    "as %s by somebody goes on costing, is reported, survives the agent, keeps its card, and ends with its stop",
    async (how) => {
      const agent = await startAgent({ simulatedGpus: 1 });
      await takeOverFirstProcesses(agent);
      const card = await eventually(() => agent.host.report?.gpus?.[0]?.uuid, { what: "its card" });
      const gpus = [{ uuid: card, memoryMib: null }];
      agent.host.order([wanted("a", gpus)]);
      await agent.host.reported("run-a", { phase: "ready" });
      const containerId = await containerOf(agent, "run-a");
      await tick(agent, "a", 1);

      await docker.getContainer(containerId).stop({ t: 0 });
      if (how === "removed") await docker.getContainer(containerId).remove({ force: true });
      expect(groups.processesOf(containerId)).toHaveLength(1);
      await tick(agent, "a", 5);
      await agent.host.reported("run-a", { phase: "ready", problem: "runtime-disagrees" });

      await agent.stop();
      await agent.start();
      await tick(agent, "a", 1);
      const next = desiredOf("b", { gpus }, { live });
      agent.host.order([wanted("a", gpus), next]);
      const waits = await agent.host.reported("run-b", { phase: "starting" });
      expect(waits.detail).toContain("still holds");

      agent.host.order([stopped(wanted("a", gpus)), next]);
      await agent.host.reported("run-a", { phase: "stopped" });
      expect(groups.processesOf(containerId)).toEqual([]);
      await agent.host.reported("run-b", { phase: "ready" });
      const usage = await eventually(
        () => {
          const rows = agent.host.usageOf("run-a");
          return rows.at(-1)?.final === true && rows;
        },
        { what: "its last row" },
      );
      expect((usage.at(-1)?.endMs ?? 0) - (usage[0]?.startMs ?? 0)).toBeGreaterThan(6 * EXTEND_EVERY_MS);
    },
  );
});
