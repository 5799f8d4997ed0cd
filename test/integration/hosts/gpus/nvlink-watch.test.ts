/**
 * How the host's cards are joined: asked of an executable that plays nvidia-smi, when it must be and no more often, and
 * never at the cost of what else is known of the cards.
 */
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { NvidiaSmi } from "@remotegpu/agent/host/gpus/nvidia-smi/nvidia-smi";
import { prepareSimulatedGpus } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import { GpuWatch, SAMPLE_EVERY_MS } from "@remotegpu/agent/loop/watch/gpus/gpu-watch";
import { observedState } from "@remotegpu/agent/loop/report";
import type { MachineReport } from "@remotegpu/shared/messages/host-report";
import { BootId } from "@remotegpu/shared/values/ids";
import { newHostId } from "../../../support/containers/docker.ts";
import { eventually } from "../../../support/eventually.ts";
import { memoryLog } from "../../../support/memory-log.ts";

const BOOT = BootId.parse("11111111-1111-4111-8111-111111111111");
const TEN_MINUTES_MS = 600_000;
const PAIR = "\tGPU0\tGPU1\tCPU Affinity\nGPU0\t X \tNV4\t0-7\nGPU1\tNV4\t X \t0-7\n";
const FIXTURES = new URL("../../../fixtures/nvidia-smi/", import.meta.url).pathname;

let folder: string;
let nowMs = 0;
const log = memoryLog();
const opened: GpuWatch[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-nvlink-"));
  log.lines.length = 0;
  await writeFile(join(folder, "kmsg"), "");
  await writeFile(join(folder, "cards.csv"), await readFile(`${FIXTURES}two-cards.csv`));
  await writeFile(join(folder, "topology"), PAIR);
  await writeFile(join(folder, "calls"), "");
  await topologyBy(`cat ${folder}/topology`);
});
afterEach(async () => {
  for (const watched of opened.splice(0)) await watched.close();
  await rm(folder, { recursive: true, force: true });
});

/** The command answers as on a host with two cards, and about their topology with this script. */
async function topologyBy(script: string): Promise<void> {
  const answers = `topo*) echo asked >>${folder}/calls; ${script} ;; *-x*) cat ${FIXTURES}two-cards.xml ;; *) cat ${folder}/cards.csv ;;`;
  await writeFile(join(folder, "nvidia-smi"), `#!/bin/sh\ncase "$*" in ${answers} esac\n`);
  await chmod(join(folder, "nvidia-smi"), 0o755);
}

async function watch(rest: { checkWithinMs?: number; simulatedCount?: number } = {}): Promise<GpuWatch> {
  const watched = new GpuWatch({
    hostId: newHostId(),
    bootId: BOOT,
    stateDir: folder,
    nvidiaSmiPath: join(folder, "nvidia-smi"),
    simulatedCount: 0,
    kernelLogPath: join(folder, "kmsg"),
    log,
    ...rest,
  });
  opened.push(watched);
  await watched.prepare((nowMs += SAMPLE_EVERY_MS), 0, null);
  return watched;
}

/** One look after so long; says whether the loop was told of a change. */
async function check(watched: GpuWatch, afterMs = SAMPLE_EVERY_MS): Promise<boolean> {
  nowMs += afterMs;
  let isReported = false;
  await watched.checkWhenDue(
    { nowMs, runtime: null, containers: [], liveContainers: () => new Map() },
    () => (isReported = true),
  );
  return isReported;
}

const islandsOf = (watched: GpuWatch) => watched.gpus.map(({ island }) => island);
const requestCount = async () => (await readFile(join(folder, "calls"), "utf8")).split("\n").length - 1;

test("the islands are known from the start, and not queried again while the cards are the same", async () => {
  const watched = await watch();

  expect(islandsOf(watched)).toEqual([0, 0]);
  await check(watched);
  await check(watched, TEN_MINUTES_MS);
  expect(await requestCount()).toBe(1);
});

test("cards that change places are queried anew, and the loop is notified", async () => {
  const watched = await watch();
  const csv = await readFile(join(folder, "cards.csv"), "utf8");
  await writeFile(join(folder, "cards.csv"), csv.replace(/^1, GPU-/m, "2, GPU-"));
  await writeFile(join(folder, "topology"), PAIR.replaceAll("GPU1", "GPU2").replaceAll("NV4", "SYS"));

  expect(await check(watched)).toBe(true);

  expect(islandsOf(watched)).toEqual([0, 2]);
  expect(await requestCount()).toBe(2);
});

test.each([
  ["a refusal", "echo 'topology is not supported'; exit 6"],
  ["words", "echo hello"],
  ["nothing", "exit 0"],
  ["a matrix of other cards", `cat ${FIXTURES}topology-two-pairs.txt`],
  ["a matrix that contradicts itself", `sed s/NV4/SYS/1 ${FIXTURES}topology-two-pairs.txt`],
])("by %s nothing is known of links, and all is known of the cards", async (_which, script) => {
  const { gpus: withLinks } = await watch();
  await topologyBy(script);

  const watched = await watch();

  expect(watched.gpus).toEqual(withLinks.map((gpu) => ({ ...gpu, island: null })));
  expect(watched.degraded).toEqual([]);
  expect(log.lines.filter(({ level }) => level !== "info")).toHaveLength(1);
});

test("a question that hangs is given up and keeps no sample from being taken", async () => {
  await topologyBy("sleep 600");

  const watched = await watch({ checkWithinMs: 1_000 });
  await check(watched);
  await check(watched);

  expect(watched.degraded).toEqual([]);
  expect(islandsOf(watched)).toEqual([null, null]);
  expect(await requestCount()).toBe(1);
});

test("samples go on while the query is pending", async () => {
  const watched = await watch();
  await topologyBy(`until [ -e ${folder}/go ]; do sleep 0.02; done; cat ${folder}/topology`);
  await writeFile(
    join(folder, "cards.csv"),
    (await readFile(join(folder, "cards.csv"), "utf8")).replace(/^1, GPU-/m, "2, GPU-"),
  );
  await writeFile(join(folder, "topology"), PAIR.replaceAll("GPU1", "GPU2"));
  const pending = check(watched);
  await eventually(async () => (await requestCount()) === 2, { what: "the question" });

  await writeFile(
    join(folder, "cards.csv"),
    (await readFile(join(folder, "cards.csv"), "utf8")).replace("1024 MiB", "2048 MiB"),
  );
  await check(watched);

  expect(watched.gpus[0]?.memoryUsedMib).toBe(2048);
  // What was known of these two cards still holds.
  expect(islandsOf(watched)).toEqual([0, 0]);
  await writeFile(join(folder, "go"), "");
  await pending;
  expect(islandsOf(watched)).toEqual([0, 0]);
  expect(await requestCount()).toBe(2);
});

test("what could not be read is queried again after ten minutes, not before", async () => {
  await topologyBy("exit 9");
  const watched = await watch();
  await topologyBy(`cat ${folder}/topology`);

  await check(watched, TEN_MINUTES_MS - 1);
  expect(islandsOf(watched)).toEqual([null, null]);
  expect(await check(watched, SAMPLE_EVERY_MS)).toBe(true);

  expect(islandsOf(watched)).toEqual([0, 0]);
  expect(await requestCount()).toBe(2);
});

test("islands are part of what is reported: one more card on a link makes another digest", async () => {
  const watched = await watch();
  const digestOf = () => observedState({} as MachineReport, watched.gpus, [], null).digest;
  const before = digestOf();
  await check(watched);
  expect(digestOf()).toBe(before);

  const apart = watched.gpus.map((gpu, at) => ({ ...gpu, island: at }));

  expect(observedState({} as MachineReport, apart, [], null).digest).not.toBe(before);
});

describe("simulated cards", () => {
  const nvlinksOf = async (count: number) => {
    const files = await prepareSimulatedGpus({ stateDir: folder, hostId: "host-1", count, nowMs: 0 });
    return await new NvidiaSmi({ path: files.hostExecutable, simulated: true }).nvlinks();
  };

  test("are queried by the same route, and lie on boards of eight", async () => {
    const watched = await watch({ simulatedCount: 10 });

    expect(islandsOf(watched)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 8, 8]);
    expect(watched.gpus.every(({ simulated }) => simulated)).toBe(true);
  });

  test("one of them alone has no links", async () => {
    expect(await nvlinksOf(1)).toEqual({ cards: [0], links: [], switched: [] });
  });

  test("that are lost leave the others joined", async () => {
    const watched = await watch({ simulatedCount: 3 });
    await writeFile(join(folder, "simulated", "faults"), `lost|${watched.gpus[1]?.uuid}\n`);

    expect(await check(watched)).toBe(true);

    expect(watched.gpus.map(({ index, island }) => ({ index, island }))).toEqual([
      { index: 0, island: 0 },
      { index: 2, island: 0 },
    ]);
  });
});
