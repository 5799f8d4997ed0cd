/** The list of containers: what runs on is not inspected again, and what has changed in any way is. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readProcessStart } from "@remotegpu/agent/host/processes/process-liveness";
import { Containers } from "@remotegpu/agent/runtime/containers";
import { Docker } from "@remotegpu/agent/runtime/docker/docker";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker, newHostId } from "../../support/containers/docker.ts";
import { RuntimeProxy } from "../../support/containers/runtime-proxy.ts";
import { RuntimeUnderTest } from "../../support/containers/runtime.ts";

let host: RuntimeUnderTest;
let proxy: RuntimeProxy;
let containers: Containers;
let inspections = 0;
const ids: string[] = [];

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  for (const name of ["a", "b", "c"]) ids.push(await host.launch(desiredOf(name)));
  proxy = await RuntimeProxy.listen(`/tmp/rg-proxy-${newHostId()}.sock`);
  proxy.hold((_method, url) => {
    if (/\/containers\/[0-9a-f]{64}\/json/.test(url)) inspections += 1;
    return false;
  });
});
afterAll(async () => {
  await host?.end();
  await proxy?.close();
});
beforeEach(async () => {
  containers = new Containers(new Docker(proxy.socketPath), host.hostId, { processStart: readProcessStart });
  await list();
  inspections = 0;
});

const [a, b, c] = [0, 1, 2].map((at) => () => docker.getContainer(ids[at] ?? ""));

async function list() {
  const found = await containers.list();
  return new Map(found.map(({ containerId, status }) => [containerId, status]));
}

test("what runs on is listed as before, without an inspection", async () => {
  const before = await list();

  expect(await list()).toEqual(before);
  expect(before.size).toBe(3);
  expect(inspections).toBe(0);
});

test("one that somebody restarted has its new process", async () => {
  const before = await list();

  await a?.().restart({ t: 0 });

  const after = await list();
  const { Pid: pid } = (await a?.().inspect())?.State ?? {};
  expect(after.get(ids[0] ?? "")).toMatchObject({ state: "running", pid });
  expect(after.get(ids[0] ?? "")).not.toEqual(before.get(ids[0] ?? ""));
  expect(inspections).toBe(1);
});

test("one that ended is inspected for how, each time", async () => {
  await b?.().kill();

  expect((await list()).get(ids[1] ?? "")).toMatchObject({ state: "exited", exitCode: 137 });
  expect((await list()).get(ids[1] ?? "")).toMatchObject({ state: "exited", exitCode: 137 });
  expect(inspections).toBe(2);
});

test("one that is paused counts as running, and one that is gone is gone", async () => {
  await c?.().pause();
  expect((await list()).get(ids[2] ?? "")).toMatchObject({ state: "running" });
  await c?.().unpause();
  await c?.().remove({ force: true });

  expect((await list()).has(ids[2] ?? "")).toBe(false);
});
