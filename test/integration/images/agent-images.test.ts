/** An agent and its images, from the order to the report: what is fetched for whom, what is told, and what is written. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { agentFeatures } from "@remotegpu/agent/core/runs/unserved-order";
import { STALL_MS } from "@remotegpu/agent/core/images/pull-bounds";
import { ControlPlaneLink } from "@remotegpu/agent/loop/control-plane-link";
import { ImagePulls } from "@remotegpu/agent/loop/images/image-pulls";
import { IMAGE_FETCH_FEATURE, type DesiredFetch, type FetchId } from "@remotegpu/shared/instance/image-fetch";
import { MIB } from "@remotegpu/shared/values/units";
import { AgentUnderTest } from "../../support/agent/agent.ts";
import { desiredOf } from "../../support/samples/desired-instance.ts";
import { docker } from "../../support/containers/docker.ts";
import { eventually } from "../../support/eventually.ts";
import { isHere } from "../../support/containers/images/image-host.ts";
import { termsOf } from "../../support/samples/desired-images.ts";
import { TestRegistry } from "../../support/containers/images/registry.ts";
import { ScriptedControlPlane } from "../../support/agent/scripted-control-plane.ts";

const login = { username: "ann", password: "pa-ssword-0b52" };
const ending = new AsyncDisposableStack();
let controlPlane: ScriptedControlPlane;
let registry: TestRegistry;
let agent: AgentUnderTest;

beforeAll(async () => {
  controlPlane = ending.adopt(await ScriptedControlPlane.start(), (one) => one.close());
  registry = ending.adopt(await TestRegistry.start({ auth: "bearer" }), (one) => one.close());
  agent = ending.adopt(await AgentUnderTest.begin(controlPlane), (one) => one.end());
});
afterAll(() => ending.disposeAsync());

const fetchOf = (fetchId: string, image: string, owner = "ann"): DesiredFetch => ({
  fetchId: fetchId as FetchId,
  image,
  terms: termsOf(owner),
});
const pullOf = (fetchId: string) => agent.host.imagePulls.find((pull) => pull.fetchId === fetchId);
const orderOf = (name: string, image: string, credential: string | null = null, owner = "ann") =>
  desiredOf(name, { image }, { imageTerms: termsOf(owner, { credential }) });

function fetches(...wanted: DesiredFetch[]): void {
  agent.host.fetches = wanted;
  agent.host.order(agent.host.desired);
}

test("reports that it requests credentials and follows fetches", async () => {
  const beat = await eventually(() => agent.host.heartbeats.at(-1), { what: "a heartbeat" });

  expect(beat.features).toContain(IMAGE_FETCH_FEATURE);
  expect(beat.features).toEqual(agentFeatures({ joinsGangs: true }));
});

test("pulls for an order with its credentials, runs exactly what came, and writes them nowhere", async () => {
  const { reference, imageId } = registry.push("private/agent", { login });
  agent.host.login = ({ image }) =>
    image === reference
      ? { kind: "registry-login", credential: "cred-1", ...login }
      : { kind: "registry-login-none" };

  agent.host.order([orderOf("mine", reference, "cred-1"), orderOf("theirs", reference, null, "eve")]);
  await agent.host.reported("run-mine", { phase: "ready" });
  const refused = await agent.host.reported("run-theirs", { phase: "failed", problem: "image-missing" });

  const filters = JSON.stringify({ label: [`remotegpu.run=run-mine`, `remotegpu.host=${agent.hostId}`] });
  const [container] = await docker.listContainers({ filters });
  const files = readdirSync(agent.stateDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  expect(container?.ImageID).toBe(imageId);
  expect(refused.detail).toContain("The registry refused");
  expect(files.some((file) => file.includes(login.password))).toBe(false);
  expect(JSON.stringify([agent.log.lines, agent.host.report, agent.host.imagePulls])).not.toContain(
    login.password,
  );
});

test("starts a run's container again though its image has lost its name", async () => {
  const { reference } = registry.push("team/renamed");
  agent.host.order([orderOf("renamed", reference)]);
  const { containerId } = await agent.host.reported("run-renamed", { phase: "ready" });
  const requested = registry.requests.length;
  const { Id } = await docker.getImage(reference).inspect();
  await docker.getImage(Id).tag({ repo: `${registry.address}/team/other`, tag: "1" });
  await docker.getImage(reference).remove();

  await docker.getContainer(containerId ?? "").kill();
  const again = await eventually(() => {
    const reported = agent.host.observed("run-renamed");
    return reported?.phase === "ready" && reported.restarts !== undefined && reported;
  });

  expect(again.containerId).toBe(containerId);
  expect(registry.requests.length).toBe(requested);
});

test("reports what it waits for: of the pull in its report, and to people", async () => {
  const { reference } = registry.push("team/slow", { layerBytes: [2 * MIB] });
  registry.fail({ kind: "stall", afterBytes: MIB }, "team/slow");

  agent.host.order([orderOf("slow", reference)]);
  const output = await eventually(() => {
    const instance = agent.host.observed("run-slow");
    return instance?.detail.includes("0 of 1 layers") && instance;
  });
  const reported = await eventually(() => agent.host.imagePulls.find(({ image }) => image === reference));
  for (const backoffMs of [30_000, 60_000]) {
    agent.setForward(STALL_MS);
    await eventually(() => agent.host.observed("run-slow")?.detail.includes("did not answer well"));
    agent.setForward(backoffMs);
    await eventually(() => agent.host.observed("run-slow")?.detail.includes("0 of 1 layers"));
  }
  agent.setForward(STALL_MS);
  const failed = await agent.host.reported("run-slow", { phase: "failed", problem: "image-missing" });

  expect(output).toMatchObject({ phase: "starting", problem: null });
  expect(reported).toMatchObject({
    fetchId: null,
    state: "pulling",
    layers: 1,
    instanceIds: [output?.instanceId],
  });
  expect(failed.detail).toContain("The registry is too slow.");
  registry.letGo();
});

test("fetches without a card, reports that it is there for as long as that is wanted, over its own restarts", async () => {
  agent.setForward(600_000);
  const [come, gone] = [registry.push("team/fetched").reference, `${registry.address}/team/nowhere:1`];
  fetches(fetchOf("f-come", come), fetchOf("f-gone", gone));
  await eventually(() => pullOf("f-come")?.state === "present" && pullOf("f-gone")?.state === "failed");
  expect(pullOf("f-gone")).toMatchObject({ problem: "no-such-image" });

  await agent.stop();
  await agent.start({ isCutOff: true });
  expect(agent.journal.desired.fetches.all().map(({ fetchId }) => fetchId)).toEqual(["f-come", "f-gone"]);
  agent.host.imagePulls = [];
  await agent.stop();
  await agent.start();
  await eventually(() => pullOf("f-come")?.state === "present", { what: "the fetch in the report" });

  fetches();
  await eventually(() => agent.host.imagePulls.length === 0, { what: "a report without fetches" });
  expect(agent.journal.desired.fetches.all()).toEqual([]);
  expect(await isHere(come)).toBe(true);
});

test("ends a fetch that is wanted no more", async () => {
  const { reference } = registry.push("team/cancelled", { layerBytes: [MIB] });
  registry.fail({ kind: "stall", afterBytes: 100_000 }, "team/cancelled");
  fetches(fetchOf("f-cancelled", reference));
  await eventually(() => pullOf("f-cancelled")?.state === "pulling", { what: "the pull" });

  fetches();
  await eventually(() => agent.log.lines.some(({ message }) => message.includes("nobody wants it")));

  const reported = await eventually(() => agent.host.imagePulls.length === 0, {
    what: "a report without fetches",
  });

  expect(reported).toBe(true);
  expect(await isHere(reference)).toBe(false);
  registry.letGo();
});

test("rests between its rounds while a registry hangs, and is not starting anything", async () => {
  agent.setForward(600_000);
  const { reference } = registry.push("team/hanging");
  registry.fail({ kind: "hang", at: "manifest" }, "team/hanging");
  agent.host.order([orderOf("hanging", reference)]);
  await eventually(() => registry.open > 0 && agent.host.observed("run-hanging")?.phase === "starting");
  using rounds = vi.spyOn(ImagePulls.prototype, "want");
  using output = vi.spyOn(ControlPlaneLink.prototype, "converse");
  const fourRoundsMs = async () => {
    rounds.mockClear();
    const beginMs = performance.now();
    await eventually(() => rounds.mock.calls.length >= 4, { what: "four rounds" });
    return performance.now() - beginMs;
  };

  // What ended just before may wake it some times more.
  const hasRest = await eventually(async () => (await fourRoundsMs()) > 1_500, {
    what: "rests between its rounds",
  });

  expect(hasRest).toBe(true);
  expect(output.mock.calls.map(([{ isStarting }]) => isStarting)).not.toContain(true);
  registry.letGo();
});
