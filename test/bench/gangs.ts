/**
 * What a gang costs beside its containers: from the order until all ranks of it are released on one host, with 1, 4 and 16
 * of them, beside as many bare containers that are made and started at once in the same moments; and how long it takes
 * from the death of one rank until the others are told to stop.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { LABEL } from "@remotegpu/agent/core/container/container";
import { SPARING_MEMORY } from "@remotegpu/control-plane/quickstart/stage";
import { MIB } from "@remotegpu/shared/units";
import { docker } from "../support/containers/docker.ts";
import { BUSYBOX_IMAGE } from "../support/samples/desired-instance.ts";
import { House } from "../support/worlds/house.ts";
import { SETTLE_MS } from "./bare-docker.ts";
import { headLine, type Pair, ratioLine, valuesLine } from "./comparison.ts";
import { StartedContainers } from "./started-containers.ts";

const ROUNDS = 5;
const SIZES = [1, 4, 16];
const DEATHS = 5;
const ASK_EVERY_MS = 20;
const WITHIN_MS = 120_000;
const COMMAND = "exec sleep 600";
/** A core is the least that a rank takes, and there are more of them than this machine has. */
const MANY_CORES = `import os from "node:os"; os.cpus = () => Array(64).fill({ model: "", speed: 0 });\n`;

export async function measureGangs(say: (line: string) => void, ending: AsyncDisposableStack): Promise<void> {
  const house = ending.adopt(await House.open({ hosts: 0 }), (one) => one.close());
  const cores = join(house.folder, "cores.mjs");
  writeFileSync(cores, MANY_CORES);
  const { id: hostId } = await house.addHost({
    NODE_OPTIONS: `${SPARING_MEMORY.NODE_OPTIONS} --import=${cores}`,
  });
  const started = ending.use(await StartedContainers.watch());
  const gangOnce = (ranks: number) =>
    released(house, { ranks, running: started.next(LABEL.host, hostId, ranks) });
  // The first of all makes what later ones find.
  for (const ranks of SIZES) await gangOnce(ranks);

  say(headLine(`Order → all ranks released, on one host (${ROUNDS} rounds)`));
  for (const ranks of SIZES) {
    const pairs: Pair[] = [];
    while (pairs.length < ROUNDS) pairs.push({ ours: await gangOnce(ranks), bare: await bareOnce(ranks) });
    say(ratioLine(`${ranks} to as many bare containers`, pairs));
    const tell = (what: string, of: (pair: Pair) => number) =>
      say(valuesLine(`  ${what}`, pairs.map(of), "ms"));
    tell("ours", ({ ours }) => ours);
    tell("bare", ({ bare }) => bare);
    tell("more than 1.5 of the bare ones", ({ ours, bare }) => ours - 1.5 * bare);
  }
  const deaths: number[] = [];
  while (deaths.length < DEATHS) deaths.push(await deathOnce(house));
  say(headLine(`One of 4 ranks is killed (${DEATHS} times)`));
  say(valuesLine("until the others are told to stop", deaths, "ms"));
}

async function released(
  house: House,
  { ranks, running }: { ranks: number; running: Promise<number> },
): Promise<number> {
  const beganMs = performance.now();
  const id = await ordered(house, ranks);
  // Only from then on, so that asking does not slow the starts.
  await running;
  await becomes(house, id, ["running"]);
  const tookMs = performance.now() - beganMs;
  await house.customer.post(`/training-jobs/${id}/cancel`);
  await becomes(house, id, ["cancelled"]);
  await delay(SETTLE_MS);
  return tookMs;
}

async function deathOnce(house: House): Promise<number> {
  const id = await ordered(house, 4);
  await becomes(house, id, ["running"]);
  const [rank] = await house.customer.list(`/training-jobs/${id}/instances`);
  const label = [`${LABEL.instance}=${String(rank?.["id"])}`];
  const [first] = await docker.listContainers({ filters: JSON.stringify({ label }) });
  if (first === undefined) throw new Error("the rank has no container");
  await docker.getContainer(first.Id).kill();
  const beganMs = performance.now();
  await becomes(house, id, ["stopping", "failed"]);
  const tookMs = performance.now() - beganMs;
  await becomes(house, id, ["failed"]);
  await delay(SETTLE_MS);
  return tookMs;
}

async function ordered(house: House, ranks: number): Promise<string> {
  const { id } = await house.customer.post("/training-jobs", {
    name: "bench",
    image: BUSYBOX_IMAGE,
    command: COMMAND,
    cpu: 1,
    memory: 64 * MIB,
    node_count: ranks,
    config: { stop_grace_seconds: 1 },
  });
  return String(id);
}

async function becomes(house: House, id: string, wanted: readonly string[]): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while (performance.now() < deadline) {
    const { status } = await house.customer.get(`/training-jobs/${id}`);
    if (wanted.includes(String(status))) return;
    await delay(ASK_EVERY_MS);
  }
  throw new Error(`job ${id} did not become ${wanted.join(" or ")}`);
}

async function bareOnce(count: number): Promise<number> {
  const beganMs = performance.now();
  const containers = await Promise.all(
    Array.from({ length: count }, async () => {
      const container = await docker.createContainer({
        Image: BUSYBOX_IMAGE,
        Cmd: ["/bin/sh", "-c", COMMAND],
        HostConfig: { Memory: 64 * MIB },
      });
      await container.start();
      return container;
    }),
  );
  const tookMs = performance.now() - beganMs;
  await Promise.all(containers.map((container) => container.remove({ force: true })));
  await delay(SETTLE_MS);
  return tookMs;
}
