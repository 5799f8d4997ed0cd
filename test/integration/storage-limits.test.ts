/** Limits of storage end to end: what a real container wrote is measured, and beyond its limit it is stopped. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LABEL } from "@remotegpu/agent/core/container";
import type { DesiredInstance, InstanceSpec } from "@remotegpu/shared/instance";
import { MIB, MS_PER_MINUTE } from "@remotegpu/shared/units";
import { AgentUnderTest } from "../support/agent.ts";
import { desiredOf } from "../support/desired-instance.ts";
import { docker, newHostId } from "../support/docker.ts";
import { eventually } from "../support/eventually.ts";
import { RuntimeProxy } from "../support/runtime-proxy.ts";
import { ScriptedControlPlane } from "../support/scripted-control-plane.ts";

const LIMIT_BYTES = 16 * MIB;
const live = { stopGraceSeconds: 1, onDisconnect: "keep", stopAfterSeconds: null } as const;

let controlPlane: ScriptedControlPlane;
let proxy: RuntimeProxy;
let agent: AgentUnderTest;
/** Behind the proxy, through which no command passes into a container. */
let slowAgent: AgentUnderTest;

/** Ended from the last to the first, each although another fails. */
const ending = new AsyncDisposableStack();
beforeAll(async () => {
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  proxy = ending.adopt(await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
  slowAgent = ending.adopt(
    await AgentUnderTest.begin(controlPlane, { socketPath: proxy.socketPath }),
    (one) => one.end(),
  );
  ending.defer(() => proxy.release());
});
afterAll(() => ending.disposeAsync());

const limited = (name: string, limits: Partial<InstanceSpec>): DesiredInstance =>
  desiredOf(name, limits, { live });

async function write(instance: DesiredInstance, file: string, mebibytes: number): Promise<void> {
  const reply = await controlPlane.orders.exec(agent.hostId, {
    kind: "exec",
    instanceId: instance.instanceId,
    argv: ["dd", "if=/dev/zero", `of=${file}`, "bs=1M", `count=${mebibytes}`],
    stdin: null,
    timeoutSeconds: 30,
  });
  expect(reply).toMatchObject({ kind: "exec-reply", exitCode: 0 });
}

const isMeasuring = (_method: string, url: string) => url.includes("size=");

test("a container beyond temp_storage and one beyond storage are stopped with that reason; one within both runs on", async () => {
  const { host } = agent;
  const limits = (name: string): Partial<InstanceSpec> => ({
    tempStorageBytes: LIMIT_BYTES,
    storageBytes: LIMIT_BYTES,
    folders: [{ source: `code/${name}`, target: "/gemini/code" }],
  });
  const own = limited("own", limits("own"));
  const folder = limited("folder", limits("folder"));
  const within = limited("within", limits("within"));
  host.order([own, folder, within]);
  for (const { runId } of [own, folder, within]) await host.says(runId, { phase: "ready" });

  await write(own, "/big", 17);
  await write(folder, "/gemini/code/big", 17);
  await write(within, "/big", 15);
  await write(within, "/gemini/code/big", 15);
  agent.setForward(MS_PER_MINUTE);

  const wasOwn = await host.says(own.runId, { phase: "failed" });
  const wasFolder = await host.says(folder.runId, { phase: "failed" });
  expect(wasOwn).toMatchObject({
    problem: "storage-exceeded",
    detail: expect.stringMatching(
      /^Stopped: it holds 1\d\.\d MiB in its own file system \(temp_storage\); its limit is 16\.0 MiB\.$/,
    ),
  });
  expect(wasFolder).toMatchObject({
    problem: "storage-exceeded",
    detail: expect.stringMatching(
      /^Stopped: it holds 17\.\d MiB in code and output \(storage\); its limit is 16\.0 MiB\.$/,
    ),
  });
  expect(host.observed(within.runId)).toMatchObject({ phase: "ready" });
  const filters = JSON.stringify({ label: [`${LABEL.host}=${agent.hostId}`], status: ["running"] });
  const runs = (await docker.listContainers({ filters })).map(({ Labels }) => Labels[LABEL.run]);
  expect(runs).toEqual([within.runId]);
});

test("while a runtime is too slow to measure, no second round of it begins", async () => {
  const { host } = slowAgent;
  const steady = limited("steady", {
    storageBytes: LIMIT_BYTES,
    folders: [{ source: "code/steady", target: "/gemini/code" }],
  });
  host.order([steady]);
  await host.says(steady.runId, { phase: "ready" });
  writeFileSync(join(slowAgent.poolRoot, "code/steady/big"), Buffer.alloc(17 * MIB));

  proxy.hold(isMeasuring);
  slowAgent.setForward(MS_PER_MINUTE);
  await eventually(() => proxy.held === 1, { what: "a measurement under way" });
  for (let minute = 2; minute <= 5; minute += 1) {
    const rows = host.usageOf(steady.runId).length;
    slowAgent.setForward(MS_PER_MINUTE);
    await eventually(() => host.usageOf(steady.runId).length > rows, { what: "another round of the agent" });
  }
  let asked = proxy.held;
  proxy.release();
  proxy.hold((method, url) => {
    if (isMeasuring(method, url)) asked += 1;
    return false;
  });
  await host.says(steady.runId, { phase: "failed", problem: "storage-exceeded" });

  // The next round may be due at once; those of the five minutes have not piled up.
  expect(asked).toBeLessThanOrEqual(2);
});
