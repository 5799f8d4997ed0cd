/**
 * The canary on a real container runtime: all that it tries is refused in a container as customers get it, and what a
 * weakened one lets through is found.
 */
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMachineFacts } from "@remotegpu/agent/host/machine-facts";
import { runCanary } from "@remotegpu/agent/loop/canary/canary-run";
import { CANARY_PROGRAM } from "@remotegpu/agent/toolbox/own-programs";
import { packedProgram } from "@remotegpu/agent/toolbox/packed-toolbox";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker, importBusyboxImage, newHostId } from "../../support/containers/docker.ts";
import { leftOnHost } from "../../support/containers/leftovers.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";
import { WeakRuntime, type Weakness } from "../../support/containers/weak-runtime.ts";
import { quietLog } from "../../support/quiet-log.ts";
import { eventually } from "../../support/eventually.ts";
import { openControlScene } from "../../support/worlds/control-scene.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

let weak: WeakRuntime;
let host: RuntimeUnderTest;
let neighbourIn: string;
let hostAddress: string;

beforeAll(async () => {
  await importBusyboxImage();
  hostAddress = (await readMachineFacts({ diskPath: "/tmp" })).ipAddress;
  weak = await WeakRuntime.listen(`/tmp/rg-weak-${newHostId()}.sock`);
  host = await RuntimeUnderTest.begin({ socketPath: weak.socketPath });
  neighbourIn = await host.launch(desiredOf("neighbour", { network: "ws-40" }));
});
afterAll(async () => {
  weak.weakness = {};
  await host.end();
  await weak.close();
});

const program = async () => await packedProgram(CANARY_PROGRAM);
const tried = async (weakness: Weakness = {}) => {
  weak.weakness = weakness;
  const { hostId, runtime, stateDir } = host;
  const findings = await runCanary({
    hostId,
    runtime,
    stateDir,
    hostAddresses: () => [hostAddress],
    program,
    log: quietLog,
  });
  weak.weakness = {};
  if (findings.kind !== "tried") throw new Error("its program broke off");
  return findings;
};
const names = ({ succeeded }: { succeeded: { attempt: string }[] }) =>
  succeeded.map(({ attempt }) => attempt);
const imagesOf = async (hostId: string) =>
  (await docker.listImages())
    .flatMap(({ RepoTags: tags }) => tags ?? [])
    .filter((name) => name.startsWith(`localhost/remotegpu-canary:${hostId}-`));

test("all that it tries is refused, clearly, and nothing of it is left but its image", async () => {
  await host.runtime.keepSpareNetwork();

  const findings = await tried();

  expect(findings.succeeded).toEqual([]);
  expect(findings.unclear).toEqual([]);
  expect(findings.tried).toBeGreaterThan(45);
  expect(await host.runtime.canaries()).toEqual([]);
  // It made a bridge of its own, so that a customer's first start finds one ready.
  expect(host.runtime.hasSpareNetwork).toBe(true);
  expect(await imagesOf(host.hostId)).toHaveLength(1);
  expect((await host.runtime.list()).map(({ containerId }) => containerId)).toEqual([neighbourIn]);
});

test("the addresses of this host's bridges are known, though the runtime names none", async () => {
  const { NetworkSettings } = await docker.getContainer(neighbourIn).inspect();
  const bridges = Object.values(NetworkSettings.Networks).map(({ Gateway }) => Gateway);

  expect(bridges).toEqual([expect.stringMatching(/^10\.210\.\d+\.1$/)]);
  expect((await host.runtime.outOfReach()).gateways).toEqual(expect.arrayContaining(bridges));
});

test("what a privileged container among the host's processes is let do is found", async () => {
  const found = await tried({ HostConfig: { Privileged: true, PidMode: "host", SecurityOpt: [] } });

  expect(names(found)).toEqual(
    expect.arrayContaining([
      "trace-first-process",
      "signal-outside",
      "trace-outside",
      "read-outside-memory",
      "mount-tmpfs",
      "mount-proc",
      "mount-cgroup",
      "enter-namespace",
      "make-device",
      "write-core-pattern",
      "open-kernel-log",
      "write-cgroups",
      "reboot",
      "set-clock",
      "raw-packets",
      "change-network",
      "gain-privileges",
      "hold-more-capabilities",
    ]),
  );
});

test("what a container in the host's network, without a profile and with a right more, is let do is found", async () => {
  const found = await tried({
    HostConfig: {
      NetworkMode: "host",
      CapAdd: ["NET_RAW"],
      SecurityOpt: ["seccomp=unconfined", "no-new-privileges"],
    },
    NetworkingConfig: null,
  });

  // Metadata, too, where the machine has them.
  expect(names(found).filter((name) => name !== "reach-metadata")).toEqual([
    "add-key",
    "read-keyring",
    "raw-packets",
    "raw-socket",
    "hold-more-capabilities",
    "reach-host",
    "reach-neighbour",
  ]);
});

describe("where its own folders could be made", () => {
  const writableToolbox = (folder: string) => ({
    HostConfig: { Mounts: [{ Type: "bind", Source: folder, Target: "/.remotegpu", ReadOnly: false }] },
  });

  test("a folder that a container has left there before does not hide a writable toolbox", async () => {
    const folder = join(host.stateDir, "writable-toolbox");
    await mkdir(join(folder, "canary-attempt"), { recursive: true });
    await copyFile(join(host.runtime.toolboxPath, "init"), join(folder, "init"));

    const found = await tried(writableToolbox(folder));

    expect(names(found)).toEqual(["write-toolbox"]);
    expect((await readdir(folder)).toSorted()).toEqual(["canary-attempt", "init"]);
  });

  test("a file system of the container's own in place of control groups is none of the host's", async () => {
    const found = await tried({ HostConfig: { Tmpfs: { "/sys/fs/cgroup": "" } } });

    expect([names(found), found.unclear]).toEqual([[], []]);
  });
});

describe("an agent's", () => {
  let controlPlane: ScriptedControlPlane;
  let agent: AgentUnderTest;
  let isOver = false;
  beforeAll(async () => {
    controlPlane = await ScriptedControlPlane.start();
    const settings = { REMOTEGPU_CANARY: "1" };
    agent = await AgentUnderTest.begin(controlPlane, { socketPath: weak.socketPath, settings });
    await eventually(() => agent.host.report !== null, { what: "its first report" });
  });
  afterAll(async () => {
    if (!isOver) await agent.end();
    await controlPlane.close();
  });
  const canary = () => agent.host.report?.machine?.canary;

  test("success takes its host out of service and raises an alarm", async () => {
    expect(canary()).toBeUndefined();
    weak.weakness = { HostConfig: { CapAdd: ["NET_RAW"] } };
    agent.setForward(8 * MS_PER_MINUTE);
    const found = await eventually(canary, { what: "its canary" });
    weak.weakness = {};

    expect(found).toMatchObject({ outcome: "succeeded" });
    const scene = await openControlScene();
    try {
      const host = await scene.host("host-a");
      host.machine.canary = found;
      await host.report([]);
      const as = scene.api.admin;
      expect((await scene.api.request("GET", "/api/v1/hosts/host-a", { as })).body).toMatchObject({
        status: "maintenance",
        cordon_reason: expect.stringContaining("A container could open a raw socket."),
      });
      expect((await scene.api.request("GET", "/api/v1/alarms", { as })).body.items).toMatchObject([
        { kind: "isolation-broken", subject: "host-a", cleared_at: null },
      ]);
    } finally {
      await scene.close();
    }
  });

  test("next one is refused an hour later; it is nobody's run, and its image is none for orders", async () => {
    agent.setForward(MS_PER_HOUR);

    const next = await eventually(() => canary()?.outcome === "refused", { what: "its next canary" });

    expect(next).toBe(true);
    expect(agent.host.report?.instances).toEqual([]);
    expect(agent.host.report?.machine?.images?.join()).not.toContain("remotegpu-canary");
  });

  test("container that a killed agent has left goes at the next start, and its image with all of the host", async () => {
    await agent.stop();
    const [image = ""] = await imagesOf(agent.hostId);
    const labels = { "remotegpu.host": agent.hostId, "remotegpu.canary": "1", "remotegpu.network": "canary" };
    const { id } = await docker.createContainer({
      Image: image,
      name: `rg-${agent.hostId}-canary-1-canary`,
      Labels: labels,
    });

    await agent.start();

    const containers = async () =>
      (await leftOnHost(agent.hostId)).filter((left) => left.startsWith("container"));
    await eventually(async () => (await containers()).length === 0, { what: `the end of ${id}` });
    isOver = true;
    await agent.end();
    expect(await imagesOf(agent.hostId)).toEqual([]);
  });
});
