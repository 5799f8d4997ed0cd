/** Simulated GPUs in real containers: each way of attaching gives exactly the cards of the placement. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CdiSpecFiles, cdiDevicesOf } from "@remotegpu/agent/host/gpus/cdi";
import { prepareSimulatedGpus, simulatedGpuUuid } from "@remotegpu/agent/host/gpus/simulated/simulated-gpus";
import {
  removeSimulatedCdiSpec,
  simulatedCdiFile,
  writeSimulatedCdiSpec,
} from "@remotegpu/agent/host/gpus/simulated/simulated-cdi";
import { chooseAttachMode } from "@remotegpu/agent/core/container/gpu-attachment";
import type { CdiDevice, HostNodes } from "@remotegpu/agent/core/container/gpu-attachment";
import type { AttachedGpu } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../support/samples/desired-instance.ts";
import { RuntimeUnderTest } from "../../../support/containers/runtime.ts";

const CARDS = 4;
/** Simulated cards have none of the driver's. */
const nodes: HostNodes = new Map();

async function withCards(host: RuntimeUnderTest): Promise<CdiDevice[]> {
  const { hostId, stateDir } = host;
  const files = await prepareSimulatedGpus({ stateDir, hostId, count: CARDS, nowMs: 0 });
  const gpus = Array.from({ length: CARDS }, (_, index) => ({
    index,
    uuid: simulatedGpuUuid(hostId, index),
  }));
  await writeSimulatedCdiSpec({ hostId, gpus, files });
  const { specs } = await new CdiSpecFiles().read((await host.runtime.info()).cdiSpecDirs);
  return cdiDevicesOf(specs, gpus);
}

let host: RuntimeUnderTest;
let neighbour: RuntimeUnderTest;
let devices: CdiDevice[];
let neighbours: CdiDevice[];

beforeAll(async () => {
  host = await RuntimeUnderTest.begin();
  neighbour = await RuntimeUnderTest.begin();
  devices = await withCards(host);
  neighbours = await withCards(neighbour);
});

afterAll(async () => {
  for (const agent of [host, neighbour]) {
    await agent.end();
    await removeSimulatedCdiSpec(agent.hostId);
  }
});

const card = (index: number, memoryMib: number | null = null): AttachedGpu => ({
  uuid: simulatedGpuUuid(host.hostId, index),
  memoryMib,
});

const LIST =
  "nvidia-smi --query-gpu=uuid --format=csv,noheader; ls /dev | grep ^nvidia; mount | grep -c nvidia-smi";

describe.each(["cdi", "plain"] as const)("attached by %s", (mode) => {
  test("a container sees its cards, and no other", async () => {
    const containerId = await host.launch(desiredOf(`${mode}-two`, { gpus: [card(1), card(3)] }), {
      mode,
      devices,
      nodes,
    });

    expect(await host.sh(containerId, LIST)).toBe(
      `${card(1).uuid}\n${card(3).uuid}\nnvidia1\nnvidia3\nnvidiactl\n1\n`,
    );
  });

  test("a slice of a shared card is that card, and the label keeps its size", async () => {
    const containerId = await host.launch(desiredOf(`${mode}-slice`, { gpus: [card(2, 4096)] }), {
      mode,
      devices,
      nodes,
    });

    expect(await host.sh(containerId, LIST)).toBe(`${card(2).uuid}\nnvidia2\nnvidiactl\n1\n`);
    expect((await host.runtime.inspect(containerId))?.owner?.gpus).toEqual([card(2, 4096)]);
  });

  test("a container without cards sees none", async () => {
    const containerId = await host.launch(desiredOf(`${mode}-none`), { mode, devices, nodes });

    expect(await host.sh(containerId, 'echo "$NVIDIA_VISIBLE_DEVICES"; ls /dev | grep -c ^nvidia')).toBe(
      "void\n0\n",
    );
  });

  test("what a container writes to a card's device does nothing, and nothing of it is writable", async () => {
    const containerId = await host.launch(desiredOf(`${mode}-write`, { gpus: [card(0)] }), {
      mode,
      devices,
      nodes,
    });

    const tried = await host.sh(
      containerId,
      "echo x > /dev/nvidia0 && echo harmless; echo x 2>&1 > /.remotegpu-simulated/state; echo x 2>&1 > /usr/bin/nvidia-smi; true",
    );

    expect(tried).toContain("harmless");
    expect(tried.match(/Read-only file system/g)).toHaveLength(2);
  });
});

test("the runtime's own NVIDIA support is requested for exactly the cards, which a host without it refuses", async () => {
  const containerId = await host.create(desiredOf("gpus", { gpus: [card(1)] }), {
    mode: "gpus",
    devices,
    nodes,
  });

  await expect(host.runtime.start(containerId, { network: "ws-1" })).rejects.toThrow(
    /device driver "nvidia"/,
  );
});

test("a card that is not on this host is refused before anything is made", async () => {
  const foreign = { uuid: simulatedGpuUuid("another-host", 0), memoryMib: null };

  const answer = await host.readiness(desiredOf("missing", { gpus: [foreign] }), {
    mode: "cdi",
    devices,
    nodes,
  });

  expect(answer).toMatchObject({ kind: "refused", problem: "gpu-missing" });
});

test("this host with its simulated cards attaches by CDI", async () => {
  const { cdiSpecDirs, hasNvidia } = await host.runtime.info();
  const gpus = devices.map(({ uuid }) => ({ uuid, migEnabled: false }));

  const mode = chooseAttachMode({
    runtime: { hasCdi: cdiSpecDirs.length > 0, hasNvidia },
    gpus,
    known: devices,
  });

  expect(mode).toBe("cdi");
});

test("two agents' cards differ, and clearing one's spec leaves the other's", async () => {
  const shared = devices.filter((own) => neighbours.some((theirs) => theirs.uuid === own.uuid));
  const gone = await RuntimeUnderTest.begin();
  await withCards(gone);

  await removeSimulatedCdiSpec(gone.hostId);
  await removeSimulatedCdiSpec(gone.hostId);

  expect(shared).toEqual([]);
  await expect(readFile(simulatedCdiFile(gone.hostId))).rejects.toMatchObject({ code: "ENOENT" });
  const theirs = JSON.parse(await readFile(simulatedCdiFile(neighbour.hostId), "utf8"));
  expect(theirs.devices).toHaveLength(CARDS);
  await gone.end();
});
