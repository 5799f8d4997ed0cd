/**
 * What orders of protocol 2 ask of an agent, with a real runtime: one that it does not understand beside others, a
 * container's only end, the image's own program, shared memory, one content of an image; and what it tells of its
 * containers. Each test has a host of its own, so they run side by side.
 */
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { LABEL } from "@remotegpu/agent/core/container/container";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance/instance";
import { MIB } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker, importBusyboxImage, newHostId } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { BUSYBOX_IMAGE, desiredOf } from "../../support/samples/desired-instance.ts";

const live = { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null } as const;
/** The busybox image with an entry point, a user and a program of a known name. */
const OWN_IMAGE = `remotegpu-test/own-program-${newHostId()}:1`;

const ending = new AsyncDisposableStack();
let controlPlane: ScriptedControlPlane;
let busyboxId: string;

beforeAll(async () => {
  await importBusyboxImage();
  busyboxId = (await docker.getImage(BUSYBOX_IMAGE).inspect()).Id;
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  const maker = await docker.createContainer({
    Image: BUSYBOX_IMAGE,
    Cmd: ["sh", "-c", "mkdir -p /opt/lab && ln -s /bin/sh /opt/lab/jupyter-lab"],
  });
  await maker.start();
  await maker.wait();
  const [repo, tag] = OWN_IMAGE.split(":");
  const entrypoint = `ENTRYPOINT ["/bin/sh","-c","trap 'echo told; exit 7' USR1; echo me=$0 $*; while :; do sleep 0.05; done","own"]`;
  const changes = [entrypoint, "USER 1000:1000", "STOPSIGNAL SIGUSR1", "ENV PATH=/opt/lab:/bin"].join("\n");
  await maker.commit({ repo, tag, changes });
  await maker.remove();
  ending.defer(() => docker.getImage(OWN_IMAGE).remove());
});

afterAll(() => ending.disposeAsync());

/** The busybox image with what a Dockerfile would say besides. It outlives agents that are begun after it. */
async function imageOf(name: string, change: string): Promise<string> {
  const repo = `remotegpu-test/${name}-${newHostId()}`;
  const maker = await docker.createContainer({ Image: BUSYBOX_IMAGE, Cmd: ["true"] });
  await maker.commit({ repo, tag: "1", changes: change });
  await maker.remove();
  ending.defer(() => docker.getImage(`${repo}:1`).remove());
  return `${repo}:1`;
}

type Ending = Pick<TestContext, "onTestFinished">;

async function startAgent({ onTestFinished }: Ending): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.begin(controlPlane);
  onTestFinished(() => agent.end());
  return agent;
}

const order = (name: string, spec: Partial<InstanceSpec>, rest: Partial<DesiredInstance> = {}) =>
  desiredOf(name, spec, { live, ...rest });

function containersOf({ hostId }: AgentUnderTest) {
  const filters = JSON.stringify({ label: [`${LABEL.host}=${hostId}`] });
  return docker.listContainers({ all: true, filters });
}

test.concurrent("an order in words from later keeps no other from its host, and its own run runs on", async (context) => {
  const agent = await startAgent(context);
  const { host } = agent;
  const later = (one: DesiredInstance) =>
    ({ ...one, spec: { ...one.spec, gate: "lunch" } }) as unknown as DesiredInstance;
  host.order([order("old", {})]);
  await host.reported("run-old", { phase: "ready" });

  host.order([later(order("old", {})), later(order("new", {})), order("plain", {})]);

  const refused = await host.reported("run-new", { phase: "failed", problem: "start-refused" });
  expect(refused.detail).toBe(
    "The agent of this host is too old for this order: it does not understand spec.gate.",
  );
  await host.reported("run-plain", { phase: "ready" });
  const runsOn = await host.reported("run-old", { phase: "ready", problem: null });
  expect(runsOn.detail).toContain("It runs on.");
  expect(await containersOf(agent)).toHaveLength(2);

  await agent.stop();
  await agent.start({ isCutOff: true });
  expect(agent.journal.desired.read()).toMatchObject({
    instances: [{ runId: "run-plain" }],
    notUnderstood: [{ runId: "run-new" }, { runId: "run-old" }],
  });
  await agent.stop();
  await agent.start();

  const removal = { want: "removed", orderedBy: "customer" } as const;
  host.order(
    ["old", "new"].map((name) => later(order(name, {}, removal))).concat(order("plain", {}, removal)),
  );
  await eventually(() => host.report?.instances.length === 0, { what: "an empty host" });
  await eventually(async () => (await containersOf(agent)).length === 0, { what: "no container" });
});

describe.concurrent("a run that ends with its container", () => {
  test("reports code, signal and tail, and is not started again, whoever starts anew", async (context) => {
    const agent = await startAgent(context);
    const { host } = agent;
    host.order([
      order("well", { restarts: "never", command: "echo done; exit 0" }),
      order("ill", { restarts: "never", command: "echo broken; kill -9 $$" }),
    ]);

    const well = await host.reported("run-well", { phase: "stopped", problem: "exited", exitCode: 0 });
    const ill = await host.reported("run-ill", { phase: "failed", problem: "exited", exitCode: 137 });
    const isReported = (run: string) => host.observed(run)?.remains !== undefined;
    await eventually(() => isReported("run-well") && isReported("run-ill"), {
      what: "what was left of both",
    });
    expect(well.restarts).toBeUndefined();
    expect(ill.restarts).toBeUndefined();
    expect(host.observed("run-ill")?.remains).toMatchObject({ signal: "SIGKILL", tail: "broken\n" });
    expect(host.observed("run-well")?.remains).toMatchObject({ signal: null, tail: "done\n" });

    const before = await containersOf(agent);
    await agent.stop();
    await agent.start();
    await eventually(() => host.heartbeats.length > 1, { what: "a heartbeat of the next agent" });
    await host.reported("run-well", { phase: "stopped", exitCode: 0 });
    expect((await containersOf(agent)).map(({ Id, State }) => [Id, State])).toEqual(
      before.map(({ Id }) => [Id, "exited"]),
    );
  });

  test("ends while no agent runs, and its end is reported by the next agent", async (context) => {
    const agent = await startAgent(context);
    agent.host.order([order("alone", { restarts: "never", command: "sleep 1; exit 5" })]);
    await agent.host.reported("run-alone", { phase: "ready" });
    await agent.stop();
    await eventually(async () => (await containersOf(agent))[0]?.State === "exited", { what: "its end" });

    await agent.start();

    const reported = await agent.host.reported("run-alone", {
      phase: "failed",
      problem: "exited",
      exitCode: 5,
    });
    expect(reported.restarts).toBeUndefined();
  });

  test("has ended with a problem where its host was started anew", async (context) => {
    const agent = await startAgent(context);
    agent.host.order([order("down", { restarts: "never", command: "sleep 300" })]);
    const { containerId } = await agent.host.reported("run-down", { phase: "ready" });
    await agent.stop();
    await docker.getContainer(containerId ?? "").kill();

    agent.reboot(5_000);
    await agent.start();

    const { detail } = await agent.host.reported("run-down", { phase: "failed", problem: "container-lost" });
    expect(detail).toMatch(/^Its host was started anew .* it is not started again within this run\.$/);
    expect((await containersOf(agent)).map(({ State }) => State)).toEqual(["exited"]);
  });
});

describe.concurrent("an image", () => {
  test("runs its own program, as its own user, and ends by its own signal", async (context) => {
    const agent = await startAgent(context);
    const spec = { image: OWN_IMAGE, entrypoint: "image", restarts: "never" } as const;
    agent.host.order([order("own", spec), order("given", { ...spec, command: "echo $HOME" })]);
    const { containerId } = await agent.host.reported("run-own", { phase: "ready" });
    await agent.host.reported("run-given", { phase: "ready" });

    const made = await docker.getContainer(containerId ?? "").inspect();
    expect(made.Config).toMatchObject({ User: "1000:1000" });
    expect(made.Args.at(-1)).toBe("own");

    const stopped = { want: "stopped", orderedBy: "customer" } as const;
    agent.host.order([
      order("own", spec, stopped),
      order("given", { ...spec, command: "echo $HOME" }, stopped),
    ]);
    await agent.host.reported("run-own", { phase: "stopped", exitCode: 7 });
    await agent.host.reported("run-given", { phase: "stopped", exitCode: 7 });
    const isReported = (run: string) => agent.host.observed(run)?.remains !== undefined;
    await eventually(() => isReported("run-own") && isReported("run-given"), { what: "the tails of both" });
    expect(agent.host.observed("run-own")?.remains?.tail).toBe("me=own\ntold\n");
    expect(agent.host.observed("run-given")?.remains?.tail).toBe("me=own /bin/sh -c echo $HOME\ntold\n");
  });

  test("whose program has no handler for TERM ends at TERM, and not after its grace", async (context) => {
    const spec = { image: await imageOf("sleeps", 'CMD ["sleep","100000"]'), entrypoint: "image" } as const;
    const agent = await startAgent(context);
    const ordered = (rest: Partial<DesiredInstance> = {}) =>
      order("sleeps", spec, { live: { ...live, stopGraceSeconds: 600 }, ...rest });
    agent.host.order([ordered()]);
    await agent.host.reported("run-sleeps", { phase: "ready" });

    agent.host.order([ordered({ want: "stopped", orderedBy: "customer" })]);

    const ended = await agent.host.reported("run-sleeps", { phase: "stopped" });
    // By TERM; 137 would be the kill at the end of the grace.
    expect(ended.exitCode).toBe(143);
  });

  test.for([
    [
      "that PATH leads to, with its arguments byte for byte",
      'CMD ["printf","%s|","a b","","$X"]',
      0,
      "a b||$X|",
    ],
    ["by its own path", 'ENTRYPOINT ["/bin/sh","-c","exit 5"]', 5, ""],
    ["that is not there", 'CMD ["no-such-program"]', 127, "no-such-program: no such program in this image"],
    ["that is no program", 'CMD ["/etc"]', 126, "/etc: cannot be executed in this container"],
  ] as const)("runs a program %s", async ([_which, change, exitCode, output], context) => {
    const image = await imageOf(`program-${exitCode}`, change);
    const agent = await startAgent(context);

    agent.host.order([order("program", { image, entrypoint: "image", restarts: "never" })]);

    const ended = await agent.host.reported("run-program", { exitCode });
    expect(["stopped", "failed"]).toContain(ended.phase);
    await eventually(() => agent.host.observed("run-program")?.remains !== undefined, { what: "its tail" });
    expect(agent.host.observed("run-program")?.remains?.tail?.trim()).toBe(output);
  });

  test("is held to the content that was ordered", async (context) => {
    const agent = await startAgent(context);
    const other = `sha256:${"0".repeat(64)}`;
    agent.host.order([order("same", { imageId: busyboxId }), order("other", { imageId: other })]);

    await agent.host.reported("run-same", { phase: "ready", imageId: busyboxId });
    const refused = await agent.host.reported("run-other", { phase: "failed", problem: "image-missing" });

    expect(refused.detail).toBe(
      `Image ${BUSYBOX_IMAGE} is ${busyboxId} on this host, and the order is for ${other}.`,
    );
  });

  test("is reported with its id and what it brings, without anything run in it", async (context) => {
    const agent = await startAgent(context);
    agent.host.order([order("plain", {}), order("lab", { image: OWN_IMAGE })]);

    const brings = (run: string) => agent.host.observed(run)?.brings;
    await eventually(() => brings("run-plain") !== undefined && brings("run-lab") !== undefined, {
      what: "what both images bring",
    });

    expect(brings("run-plain")).toEqual(["shell"]);
    expect(brings("run-lab")).toEqual(["notebook", "shell", "user"]);
    expect(agent.host.observed("run-plain")?.imageId).toBe(busyboxId);
  });
});

test.concurrent("shared memory has the size that was ordered", async (context) => {
  const agent = await startAgent(context);
  agent.host.order([order("shm", { shmBytes: 5 * MIB }), order("half", { memoryBytes: 64 * MIB })]);
  const { containerId } = await agent.host.reported("run-shm", { phase: "ready" });
  const half = await agent.host.reported("run-half", { phase: "ready" });

  const shmOf = async (id: string | null) =>
    (await docker.getContainer(id ?? "").inspect()).HostConfig.ShmSize;

  expect(await shmOf(containerId)).toBe(5 * MIB);
  expect(await shmOf(half.containerId)).toBe(32 * MIB);
  const reply = await controlPlane.orders.exec(agent.hostId, {
    kind: "exec",
    instanceId: order("shm", {}).instanceId,
    argv: ["df", "-k", "/dev/shm"],
    stdin: null,
    timeoutSeconds: 5,
  });
  const printed = reply.kind === "exec-reply" ? Buffer.from(reply.stdout, "base64").toString() : "";
  expect(printed).toMatch(/^shm\s+5120\s/m);
});

test.concurrent("a container may have ten minutes to stop", async (context) => {
  const agent = await startAgent(context);
  const spec = { command: "trap 'sleep 3; exit 9' TERM; while :; do sleep 0.1; done" };
  const long = { live: { ...live, stopGraceSeconds: 600 } };
  agent.host.order([order("long", spec, long)]);
  const { containerId } = await agent.host.reported("run-long", { phase: "ready" });

  const { Config: config } = await docker.getContainer(containerId ?? "").inspect();
  expect(config).toMatchObject({ StopTimeout: 600 });
  agent.host.order([order("long", spec, { ...long, want: "stopped", orderedBy: "customer" })]);
  await agent.host.reported("run-long", { phase: "stopped", problem: null });
});

describe.concurrent("a stop that is in progress with a long grace", () => {
  const deaf = { command: "trap '' TERM; touch /tmp/deaf; while :; do sleep 0.1; done" };
  const ordered = (stopGraceSeconds: number, rest: Partial<DesiredInstance> = {}) =>
    order("deaf", deaf, { live: { ...live, stopGraceSeconds }, ...rest });

  async function beginStop(context: Ending): Promise<AgentUnderTest> {
    const agent = await startAgent(context);
    agent.host.order([ordered(600)]);
    const { containerId } = await agent.host.reported("run-deaf", { phase: "ready" });
    const container = docker.getContainer(containerId ?? "");
    await eventually(async () => JSON.stringify(await container.changes()).includes("/tmp/deaf"));
    agent.host.order([ordered(600, { want: "stopped", orderedBy: "customer" })]);
    const isBegun = ({ message }: { message: string }) =>
      message === "run run-deaf: Stopped; ordered by customer.";
    await eventually(() => agent.log.lines.some(isBegun), { what: "the stop" });
    return agent;
  }

  test("is cut to a shorter one that is ordered later", async (context) => {
    const agent = await beginStop(context);

    agent.host.order([ordered(1, { want: "stopped", orderedBy: "account" })]);

    const ended = await agent.host.reported("run-deaf", { phase: "stopped", exitCode: 137 });
    expect(ended.detail).toBe("Stopped; ordered by customer.");
  });

  test("is cut to the grace of a removal", async (context) => {
    const agent = await beginStop(context);

    agent.host.order([ordered(1, { want: "removed", orderedBy: "customer" })]);

    const isGone = await eventually(async () => (await containersOf(agent)).length === 0);
    expect(isGone).toBe(true);
  });
});

test.concurrent("heartbeats report what each container has used, and when it last wrote something", async (context) => {
  const agent = await startAgent(context);
  const busy = "echo here; n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done; sleep 300";
  agent.host.order([order("busy", { command: busy }), order("mute", { command: "sleep 300" })]);
  await agent.host.reported("run-busy", { phase: "ready" });
  await agent.host.reported("run-mute", { phase: "ready" });
  const figuresOf = (run: string) =>
    agent.host.heartbeats.flatMap(({ figures = [] }) => figures.filter(({ runId }) => runId === run));

  // One after another: a minute later both are told anew.
  await eventually(
    () => {
      agent.setForward(20_000);
      return (figuresOf("run-busy").at(-1)?.cpuMs ?? 0) > 50 && figuresOf("run-mute").length > 1;
    },
    { what: "the figures of both", withinMs: 60_000 },
  );

  const [reported, mute] = [figuresOf("run-busy"), figuresOf("run-mute")];
  expect(reported.at(-1)).toMatchObject({
    instanceId: "env-busy",
    placementEpoch: 1,
    networkInBytes: expect.any(Number),
    networkOutBytes: expect.any(Number),
    lastOutputAgeMs: expect.any(Number),
  });
  const cpu = reported.map(({ cpuMs }) => cpuMs ?? 0);
  expect(cpu).toEqual(cpu.toSorted((a, b) => a - b));
  expect(mute.at(-1)).toMatchObject({ cpuMs: expect.any(Number), lastOutputAgeMs: null });
  expect(mute.at(-1)?.cpuMs).toBeLessThan(cpu.at(-1) ?? 0);
});
