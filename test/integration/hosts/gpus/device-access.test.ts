/**
 * Containers whose device rules somebody takes away: seen from outside without opening anything, charged to the last probe
 * that passed, and started again where that is the host's to do. Simulated cards are nodes of /dev/null; the clock is set
 * forward, so nothing waits.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { NodeErrors } from "@remotegpu/agent/core/container/device-access";
import { simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import { ContainerGroups } from "@remotegpu/agent/host/processes/container-groups";
import { DeviceProbe } from "@remotegpu/agent/host/processes/device-probe";
import { compiledProgram, OWN_PROGRAMS } from "@remotegpu/agent/toolbox/own-programs";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../../support/agent/scripted-control-plane.ts";
import {
  deviceGroup,
  giveNullDevice,
  HAS_DEVICE_TREE,
  takeNullDevice,
} from "../../../support/containers/device-rules.ts";
import { docker, importBusyboxImage, newHostId, removeLabelled } from "../../../support/containers/docker.ts";
import { eventually } from "../../../support/eventually.ts";
import { BUSYBOX_IMAGE, desiredOf } from "../../../support/samples/desired-instance.ts";
import { gpu } from "../../../support/samples/run-samples.ts";
import { LABEL } from "@remotegpu/agent/core/container/container";

const [FINE, NOT_PERMITTED, ABSENT] = [0, 1, 2];
const MINUTE_MS = 60_000;

describe.skipIf(!HAS_DEVICE_TREE)("a probe of one container", () => {
  const hostId = newHostId();
  const NODES = [
    { node: "/dev/null", inside: "/dev/nvidia0", gpus: [gpu("a").uuid] },
    { node: "/dev/no-such-device", inside: "/dev/null", gpus: [gpu("a").uuid] },
  ];
  let folder: string;
  let containerId: string;
  let pid: number;
  beforeAll(async () => {
    await importBusyboxImage();
    folder = await mkdtemp(join(tmpdir(), "rg-devices-"));
    const program = OWN_PROGRAMS.find(({ name }) => name === "device-access");
    if (program === undefined) throw new Error("the toolbox has no such program");
    await writeFile(join(folder, "device-access"), await compiledProgram(program), { mode: 0o755 });
  });
  afterAll(async () => {
    await removeLabelled(hostId);
    await rm(folder, { recursive: true, force: true });
  });
  beforeAll(async () => {
    const options = [
      "--detach",
      "--init",
      `--label=${LABEL.host}=${hostId}`,
      "--device=/dev/null:/dev/nvidia0",
    ];
    const line = ["run", ...options, BUSYBOX_IMAGE, "sleep", "600"];
    containerId = execFileSync("docker", line, { encoding: "utf8" }).trim();
    ({ Pid: pid } = (await docker.getContainer(containerId).inspect()).State);
  });

  const probeWith = (program: string, groups = new ContainerGroups()) =>
    new DeviceProbe({ program: join(folder, program), groups });
  const request = (probe = probeWith("device-access")) => probe.errorsOf({ containerId, pid }, NODES);
  const reported = (own: Partial<NodeErrors>) => [
    { access: FINE, lookup: FINE, ...own },
    { access: ABSENT, lookup: FINE },
  ];
  const script = (name: string, text: string) =>
    writeFile(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

  test("reports what the kernel's rules state, taken away and given back", async () => {
    expect(await request()).toEqual(reported({}));
    takeNullDevice(containerId);
    expect(await request()).toEqual(reported({ access: NOT_PERMITTED }));
    giveNullDevice(containerId);
    expect(await request()).toEqual(reported({}));
  });

  test("leaves nothing behind, and is none of the container's processes meanwhile", async () => {
    // Goes in as the real one does, and stays for as long as its input is open.
    await script("lingers", `echo 0 >"$1"; read line <"$(dirname "$0")/fifo"; printf '0 0\\n0 0\\n'`);
    execFileSync("mkfifo", [join(folder, "fifo")]);
    const groups = new ContainerGroups();
    const own = groups.processesOf(containerId);
    const procs = () =>
      readFileSync(join(deviceGroup(containerId), "cgroup.procs"), "utf8").split("\n").length - 1;
    const before = procs();

    const requested = request(probeWith("lingers", groups));
    await eventually(() => procs() > before, { what: "the child in the group" });
    execFileSync("docker", ["pause", containerId]);
    execFileSync("docker", ["unpause", containerId]);

    expect(groups.processesOf(containerId)).toEqual(own);
    expect(new Set(groups.holders().find((one) => one.containerId === containerId)?.pids)).toEqual(
      new Set(own),
    );
    await writeFile(join(folder, "fifo"), "go on\n");
    expect(await requested).toEqual([
      { access: FINE, lookup: FINE },
      { access: FINE, lookup: FINE },
    ]);
    await eventually(() => procs() === before, { what: "an empty-handed group" });
  });

  test("knows nothing of a child that hangs, which is killed, and the next one answers", async () => {
    await script("hangs", `exec sleep 600`);
    const children = () =>
      execFileSync("pgrep", ["-c", "-P", String(process.pid), "sleep"], { encoding: "utf8" });

    expect(await request(probeWith("hangs"))).toBeNull();
    await eventually(
      () => {
        try {
          return children() === "0\n";
        } catch {
          // pgrep ends with 1 where there is none.
          return true;
        }
      },
      { what: "the end of the child" },
    );
    expect(await request()).toEqual(reported({}));
  });

  test("runs one at a time: a second request meanwhile is not answered", async () => {
    const probe = probeWith("device-access");
    const [first, second] = await Promise.all([request(probe), request(probe)]);

    expect([first, second].filter((errors) => errors === null)).toHaveLength(1);
  });

  test.each([
    ["says something else", "says-other", "echo hello"],
    ["says nothing", "says-nothing", "true"],
    ["fails", "fails", "printf '1 0\\n1 0\\n'; exit 1"],
    ["is not there", "no-such-program", null],
  ])("knows nothing by a child that %s", async (_what, name, text) => {
    if (text !== null) await script(name, text);

    expect(await request(probeWith(name))).toBeNull();
  });

  test("distinguishes what was only removed inside", async () => {
    execFileSync("docker", ["exec", containerId, "rm", "/dev/nvidia0"]);

    expect(await request()).toEqual(reported({ lookup: ABSENT }));
  });

  test("knows nothing of a container that is paused, or that has ended", async () => {
    execFileSync("docker", ["pause", containerId]);
    expect(await request()).toBeNull();
    execFileSync("docker", ["unpause", containerId]);
    execFileSync("docker", ["kill", containerId]);

    expect(await request()).toBeNull();
  });
});

describe.skipIf(!HAS_DEVICE_TREE)("runs that lose their cards", () => {
  let controlPlane: ScriptedControlPlane;
  let agent: AgentUnderTest;
  beforeAll(async () => {
    controlPlane = await ScriptedControlPlane.start();
    agent = await AgentUnderTest.begin(controlPlane, { simulatedGpus: 4 });
  });
  afterAll(async () => {
    await agent.end();
    await controlPlane.close();
  });

  const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;
  const card = (index: number) => simulatedGpuUuid(agent.hostId, index);
  const runOf = (index: number) => `run-${index}`;
  const ordered: DesiredInstance[] = [];
  const cordon = (index: number) =>
    agent.host.heartbeats.at(-1)?.gpus.find(({ uuid }) => uuid === card(index))?.cordon ?? null;
  const rowsOf = (index: number) =>
    agent.host.usageOf(runOf(index)).filter(({ proof }) => proof !== "unproven");
  const endOf = (index: number) => Math.max(0, ...rowsOf(index).map(({ endMs }) => endMs));

  /** Sets the clock forward and waits until the agent has done what is due then. */
  async function forward(ms: number): Promise<void> {
    agent.setForward(ms);
    const { nowMs } = agent;
    await eventually(() => agent.host.heartbeats.some(({ monotonicMs }) => monotonicMs >= nowMs), {
      what: "a heartbeat",
    });
  }

  async function forwardUntil(what: string, isSo: () => boolean): Promise<void> {
    for (let left = 20; left > 0 && !isSo(); left -= 1) await forward(15_000);
    if (!isSo()) throw new Error(`not after five minutes: ${what}`);
  }

  /** One more run, on the card of that index, that is charged for a while; each has a card of its own. */
  async function begin(index: number, changes: Partial<InstanceSpec>) {
    const gpus = [{ uuid: card(index), memoryMib: null }];
    ordered.push(desiredOf(String(index), { gpus, ...changes }, { live }));
    agent.host.order(ordered);
    const { containerId } = await agent.host.reported(runOf(index), { phase: "ready" });
    await forwardUntil("it is charged", () => endOf(index) > 0);
    // The last probe that passed was before this moment.
    return { containerId: containerId ?? "", passedByMs: agent.nowMs };
  }

  /** The second one follows sooner. */
  async function twoProbes(): Promise<void> {
    await forward(MINUTE_MS);
    await forward(11_000);
  }

  test("an environment goes on, is reported with how to get it back, and is charged nothing until it has it again, whatever becomes of the agent", async () => {
    const { containerId, passedByMs } = await begin(0, { kind: "environment" });
    takeNullDevice(containerId);
    await twoProbes();

    const output = await agent.host.reported(runOf(0), { phase: "ready", problem: "gpu-failed" });
    expect(output.detail).toBe(
      `Its container lost access to GPU ${card(0)}: the device rules of its host refuse it. Restart it to get it back; after 24 hours its host does. Time without it is not charged.`,
    );
    expect(output.containerId).toBe(containerId);
    expect((await docker.getContainer(containerId).inspect()).State.Running).toBe(true);
    await eventually(() => cordon(0)?.kind === "drain", { what: "the closed card" });
    const passedMs = agent.journal.runs.all().find(({ runId }) => runId === runOf(0))?.refusal?.passedMs ?? 0;
    expect(passedMs).toBeGreaterThan(0);

    await agent.stop();
    agent.setForward(300_000);
    await agent.start();
    await forward(15_000);
    giveNullDevice(containerId);
    const backMs = agent.nowMs;
    await forward(MINUTE_MS);
    await agent.host.reported(runOf(0), { phase: "ready", problem: null });
    await eventually(() => cordon(0) === null, { what: "the open card" });
    await forwardUntil("it is charged again", () => endOf(0) > backMs);

    expect(passedMs).toBeLessThanOrEqual(passedByMs);
    for (const { startMs, endMs } of rowsOf(0)) expect(endMs <= passedMs || startMs >= backMs).toBe(true);
  });

  test("a replica is started again within its run, on the same card, and charged from then on", async () => {
    const { containerId, passedByMs } = await begin(1, {
      kind: "inference",
      restarts: "within-run",
      command: "sleep 600",
    });
    const before = (await docker.getContainer(containerId).inspect()).State.StartedAt;
    takeNullDevice(containerId);
    await forward(MINUTE_MS);
    const refusedMs = agent.nowMs;
    await forward(11_000);

    await eventually(
      async () => {
        agent.setForward(1_000);
        const { StartedAt, Running } = (await docker.getContainer(containerId).inspect()).State;
        return Running && StartedAt !== before;
      },
      { what: "the container's next life" },
    );
    await agent.host.reported(runOf(1), { phase: "ready", problem: null });
    await eventually(() => cordon(1) === null, { what: "the open card" });
    await forwardUntil("it is charged again", () => endOf(1) > passedByMs);

    const after = rowsOf(1).filter(({ endMs }) => endMs > passedByMs);
    for (const { startMs } of after) expect(startMs).toBeGreaterThanOrEqual(refusedMs);
    expect(agent.host.observed(runOf(1))?.restarts?.count).toBe(1);
  });

  test("a rank fails for its card, charged to the last probe that passed", async () => {
    const rank = { kind: "training", restarts: "never", command: "sleep 600" } as const;
    const { containerId, passedByMs } = await begin(2, rank);
    takeNullDevice(containerId);
    await twoProbes();

    const ended = await agent.host.reported(runOf(2), { phase: "failed", problem: "gpu-failed" });
    expect(ended.detail).toContain(card(2));
    await eventually(() => agent.host.usageOf(runOf(2)).find((row) => row.final), { what: "its final row" });
    expect(endOf(2)).toBeLessThanOrEqual(passedByMs);
  });

  test("a node that is removed inside is reported, and everything goes on", async () => {
    const { containerId, passedByMs } = await begin(3, { kind: "environment" });
    execFileSync("docker", ["exec", containerId, "rm", "/dev/nvidia3"]);
    await forward(MINUTE_MS);

    await eventually(
      () => agent.host.observed(runOf(3))?.detail.includes("Removed inside of it: /dev/nvidia3."),
      {
        what: "the missing node",
      },
    );
    expect(agent.host.observed(runOf(3))).toMatchObject({ phase: "ready", problem: null });
    await forwardUntil("it is charged on", () => endOf(3) > passedByMs);
    expect(cordon(3)).toBeNull();
  });
});
