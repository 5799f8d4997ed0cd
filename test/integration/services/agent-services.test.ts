/**
 * Services of containers through the agent's loop on a real runtime and a real NATS: begun as they are ordered, and their
 * outputs read apart from the container's, once, followed, and over restarts of the container.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { execa } from "execa";
import type { LogStream } from "@remotegpu/control-plane/server/core/workloads/log-stream";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";
import { docker } from "../../support/containers/docker.ts";
import { importScriptedImage, SCRIPTED_IMAGE } from "../../support/containers/images/notebook-images.ts";
import { eventually } from "../../support/eventually.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";

const TOKEN = "a7".repeat(32);
const ending = new AsyncDisposableStack();
let controlPlane: ScriptedControlPlane;
let agent: AgentUnderTest;

beforeAll(async () => {
  await importScriptedImage();
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
});
afterAll(() => ending.disposeAsync());

let orders: DesiredInstance[] = [];

async function running(
  name: string,
  script: string,
  { jupyterToken = TOKEN }: { jupyterToken?: string | null } = {},
): Promise<{ order: DesiredInstance; containerId: string }> {
  const live = { stopGraceSeconds: 2, onDisconnect: "keep", stopAfterSeconds: null } as const;
  const order = desiredOf(
    name,
    { image: SCRIPTED_IMAGE, env: { AS_JUPYTER: script }, jupyter: true },
    { live: { ...live, ...(jupyterToken !== null && { jupyterToken }) } },
  );
  orders = [...orders, order];
  agent.host.order(orders);
  await agent.host.reported(order.runId, { phase: "ready" });
  const filters = JSON.stringify({ label: [`remotegpu.run=${order.runId}`] });
  const [container] = await docker.listContainers({ filters });
  return { order, containerId: container?.Id ?? "" };
}

const open = (
  { instanceId, placementEpoch, runId }: DesiredInstance,
  { follow = false, tailLines = null }: { follow?: boolean; tailLines?: number | null } = {},
) =>
  controlPlane.logs.open(
    agent.hostId,
    { instanceId, placementEpoch, runId, follow, tailLines, service: "jupyter" },
    runId,
  );

async function opened(...requested: Parameters<typeof open>): Promise<LogStream> {
  const outcome = await open(...requested);
  if (!outcome.opened) throw new Error(`${outcome.reason}: ${JSON.stringify(outcome.why)}`);
  return outcome.stream;
}

async function whole(order: DesiredInstance, tailLines: number | null = null): Promise<string> {
  const stream = await opened(order, { tailLines });
  let text = "";
  for (;;) {
    const next = await stream.next();
    if (next.kind === "end") return text;
    text += Buffer.from(next.bytes).toString();
  }
}

/** Reads on until this was said. */
async function until(stream: LogStream, what: RegExp): Promise<string> {
  let text = "";
  while (!what.test(text)) {
    const next = await stream.next();
    if (next.kind === "end") throw new Error(`${next.end.reason} after ${text}`);
    text += Buffer.from(next.bytes).toString();
  }
  return text;
}

const readers = async (containerId: string) => {
  const { stdout } = await execa("docker", ["top", containerId, "-o", "pid,args"]);
  return stdout.split("\n").filter((line) => line.includes("service-log")).length;
};

test("its output is read apart from the container's own, and a follower who leaves leaves nothing behind", async () => {
  const { order, containerId } = await running(
    "apart",
    "seq 1 9; while [ ! -e /go ]; do sleep 0.1; done; echo more; sleep 1000",
  );
  await eventually(async () => (await whole(order)).includes("\n9\n"), { what: "nine lines" });

  expect(await whole(order, 2)).toBe("8\n9\n");
  const { instanceId, placementEpoch, runId } = order;
  const own = { instanceId, placementEpoch, runId, follow: false, tailLines: null };
  const main = await controlPlane.logs.open(agent.hostId, own, runId);
  expect(main.opened && (await main.stream.next()).kind).toBe("end");
  const stream = await opened(order, { follow: true, tailLines: 1 });
  expect(await until(stream, /9\n/)).toBe("9\n");
  await execa("docker", ["exec", containerId, "touch", "/go"]);
  expect(await until(stream, /more\n/)).toBe("more\n");
  expect(await readers(containerId)).toBe(1);

  stream.leave();

  await eventually(async () => (await readers(containerId)) === 0, { what: "the end of what read" });
});

test("following goes on with the container's next start, and nothing is sent twice", async () => {
  const { order, containerId } = await running("lives", "echo life; sleep 1000");
  const stream = await opened(order, { follow: true });
  await until(stream, /life\n/);

  await docker.getContainer(containerId).kill({ signal: "SIGKILL" });

  expect(await until(stream, /life\n/)).toBe("[remotegpu] jupyter-lab is started.\nlife\n");
  stream.leave();
});

test("without a token none is begun, and the output of one that does not run is refused", async () => {
  const { order } = await running("untold", "echo begun; sleep 1000", { jupyterToken: null });
  expect(await whole(order)).toBe("");

  orders = orders.map((one) =>
    one.runId === order.runId ? { ...one, want: "stopped" as const, orderedBy: "customer" as const } : one,
  );
  agent.host.order(orders);
  await agent.host.reported(order.runId, { phase: "stopped" });

  expect(await open(order)).toMatchObject({ opened: false });
});
