/** The agent and its access process: what is ordered comes to be held, whoever of the two is away meanwhile. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DesiredLease, ObservedLease } from "@remotegpu/shared/instance/lease";
import { observedState } from "@remotegpu/agent/loop/report";
import { AccessUnderTest, serveIn } from "../../support/agent/access.ts";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { wantedLease } from "../../support/samples/lease-samples.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const DOWN_AFTER_MS = 20_000;

let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;
let access: AccessUnderTest;
const instance = desiredOf(
  "a",
  {},
  { live: { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } },
);

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  // Its folder is the agent's, and goes with it.
  ending.defer(() => access?.end());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane, { hasAccess: true }), (one) => one.end());
  access = ending.adopt(await AccessUnderTest.begin({}, { folder: agent.stateDir }), (one) => one.stop());
  // The agent is the one to speak here.
  access.leaveAgent();
  agent.host.order([instance]);
  const { containerId } = await agent.host.reported("run-a", { phase: "ready" });
  const { State } = await docker.getContainer(containerId ?? "").inspect();
  ending.adopt(await serveIn({ pid: State.Pid, port: 7000 }), (service) => void service.kill("SIGKILL"));
});
afterAll(() => ending.disposeAsync());

/** As a pull writes it down. */
function orderLeases(leases: DesiredLease[]): void {
  const { desired } = agent.journal;
  const { term, generation, confirmedStops, instances } = desired.read();
  desired.replace({ term, generation, confirmedStops, instances, leases });
  agent.setForward(0);
}

/** As the host last reported it. */
const reported = (leaseId: string, state: ObservedLease["state"]) =>
  agent.host.report?.leases?.find((reported) => reported.leaseId === leaseId && reported.state === state);

async function heldPort(leaseId: string): Promise<number> {
  const lease = await eventually(() => reported(leaseId, "held"), { what: `lease ${leaseId} held` });
  return lease.externalPort ?? 0;
}

async function becomesWell(): Promise<void> {
  await eventually(() => agent.host.heartbeats.at(-1)?.degraded.length === 0, {
    what: "a host that is well",
  });
}

async function enter(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

/** Resolves with what the service counted once the client's side has ended. */
async function counted(socket: Socket): Promise<{ bytes: number }> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return JSON.parse(text.split("\n").at(-2) ?? "") as { bytes: number };
}

test("an ordered lease is held and leads into the container that runs", async () => {
  orderLeases([wantedLease("a", { workloadId: "env-a" })]);

  const socket = await enter(await heldPort("a"));
  socket.end("hi");

  expect(await counted(socket)).toMatchObject({ bytes: 2 });
  expect(agent.host.heartbeats.at(-1)?.degraded).toEqual([]);
});

test("an agent that ends and starts anew cuts no connection, and clients come through all the while", async () => {
  const port = await heldPort("a");
  const open = await enter(port);
  open.write("one ");

  await agent.stop();
  open.write("two ");
  const meanwhile = await enter(port);
  meanwhile.end("hi");
  expect(await counted(meanwhile)).toMatchObject({ bytes: 2 });
  // What the agent before it reported says nothing of this one.
  agent.host.report = null;
  await agent.start();
  expect(await heldPort("a")).toBe(port);

  open.end("three");
  expect(await counted(open)).toMatchObject({ bytes: "one two three".length });
});

test("an access process that is away makes the host degraded and its leases unknown, and comes back with the same number", async () => {
  const port = await heldPort("a");
  await access.program.kill();

  expect(agent.host.report?.leases).toMatchObject([{ externalPort: port }]);
  agent.setForward(DOWN_AFTER_MS);
  await eventually(() => agent.host.heartbeats.at(-1)?.degraded.includes("access-down"), {
    what: "access-down",
  });
  await eventually(() => agent.host.report?.leases === null, { what: "leases that are not known" });

  access.program.start();
  expect(await heldPort("a")).toBe(port);
  await becomesWell();
  const socket = await enter(port);
  socket.end("hi");
  expect(await counted(socket)).toMatchObject({ bytes: 2 });
});

test("one that hangs is noticed as well", async () => {
  const port = await heldPort("a");
  process.kill(access.program.pid ?? 0, "SIGSTOP");
  try {
    await eventually(
      () => {
        agent.setForward(DOWN_AFTER_MS / 4);
        return agent.host.heartbeats.at(-1)?.degraded.includes("access-down");
      },
      { what: "access-down" },
    );
  } finally {
    process.kill(access.program.pid ?? 0, "SIGCONT");
  }
  expect(await heldPort("a")).toBe(port);
  await becomesWell();
});

test("a stopped workload keeps its number, and its port leads nowhere", async () => {
  const port = await heldPort("a");
  agent.host.order([{ ...instance, want: "stopped", orderedBy: "customer" }]);
  await agent.host.reported("run-a", { phase: "stopped" });

  await eventually(
    async () => {
      const socket = await enter(port);
      const greeting = (await Promise.race([once(socket, "data"), once(socket, "end")])) as unknown[];
      socket.destroy();
      return greeting.length === 0;
    },
    { what: "a port that leads nowhere" },
  );
  expect(await heldPort("a")).toBe(port);
});

test("an order is forgotten only when the lease is over and the set lacks it", async () => {
  await heldPort("a");
  orderLeases([]);
  expect(agent.journal.desired.leases.all()).toHaveLength(1);
  await heldPort("a");

  orderLeases([wantedLease("a", { workloadId: "env-a", want: "released" })]);
  await eventually(() => reported("a", "released"), { what: "its end" });
  expect(agent.journal.desired.leases.all()).toHaveLength(1);

  orderLeases([]);
  await eventually(() => agent.journal.desired.leases.all().length === 0, {
    what: "nothing left to remember",
  });
  expect(agent.journal.desired.mend()).toBe(0);
});

test("the digest of what is reported covers the leases, in whatever order they are listed", () => {
  const reported = [{ leaseId: "b" }, { leaseId: "a" }] as Parameters<typeof observedState>[3] & object[];
  const machine = { hostname: "host" } as Parameters<typeof observedState>[0];
  const digestOf = (leases: Parameters<typeof observedState>[3]) =>
    observedState(machine, [], [], leases).digest;

  expect(observedState(machine, [], [], reported).leases).toEqual([{ leaseId: "a" }, { leaseId: "b" }]);
  expect(digestOf(reported)).toBe(digestOf(reported.toReversed()));
  expect(new Set([digestOf(reported), digestOf([]), digestOf(null)]).size).toBe(3);
});
