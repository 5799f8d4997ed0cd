/** Which nodes of NVIDIA's driver each card is used by. */
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DeviceNodes, hostNodes } from "@remotegpu/agent/host/gpus/device-nodes";
import { gpu } from "../../../../support/samples/run-samples.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "rg-nodes-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Each leads to a device that is there everywhere. */
const devices = (...names: string[]) =>
  Promise.all(names.map((name) => symlink("/dev/null", join(folder, name))));
const card = (name: string, minorNumber: number | null | undefined, simulated = false) => ({
  uuid: gpu(name).uuid,
  simulated,
  ...(minorNumber !== undefined && { minorNumber }),
});
const at = (...names: string[]) => names.map((name) => join(folder, name));

test("a card has the node of its minor number, whatever its index, and those that all share", async () => {
  await devices("nvidia0", "nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset");

  expect(await hostNodes([card("a", 3), card("b", 0)], folder)).toEqual(
    new Map([
      [gpu("a").uuid, at("nvidia3", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")],
      [gpu("b").uuid, at("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")],
    ]),
  );
});

test("what is not there, or is no device, is left out", async () => {
  await devices("nvidia0", "nvidiactl");
  await writeFile(join(folder, "nvidia-uvm"), "");

  expect(await hostNodes([card("a", 0)], folder)).toEqual(
    new Map([[gpu("a").uuid, at("nvidia0", "nvidiactl")]]),
  );
});

test.each([
  ["its minor number is not known", card("a", null)],
  ["nobody reported its minor number", card("a", undefined)],
  ["its own node is not there", card("a", 1)],
  ["it is simulated", card("a", 0, true)],
])("a card has none where %s", async (_what, given) => {
  await devices("nvidia0", "nvidiactl", "nvidia-uvm");

  expect(await hostNodes([given], folder)).toEqual(new Map());
});

describe("the node of unified memory, which is not there after a boot", () => {
  const given = { areGiven: true };
  const requested = async () =>
    (await readFile(join(folder, "asked"), "utf8").catch(() => "")).split("\n").slice(0, -1);

  /** NVIDIA's program, as far as it matters here. */
  async function nodesWith(does: string): Promise<DeviceNodes> {
    await devices("nvidia0", "nvidiactl");
    const modprobe = join(folder, "nvidia-modprobe");
    await writeFile(modprobe, `#!/bin/sh\ncd ${folder}; echo "$*" >>asked\n${does}\n`, { mode: 0o755 });
    return new DeviceNodes({ folder, modprobe });
  }
  const makes = () => nodesWith("ln -s /dev/null nvidia-uvm; ln -s /dev/null nvidia-uvm-tools");

  test("is made before a container is to be given it, once", async () => {
    const nodes = await makes();
    const all = at("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools");

    expect(await nodes.of([card("a", 0)], given)).toEqual(new Map([[gpu("a").uuid, all]]));
    await nodes.of([card("a", 0)], given);
    expect(await requested()).toEqual(["-c0 -u"]);
  });

  test("is not made where no container is given nodes, nor for a card whose own is not there", async () => {
    const nodes = await makes();
    await nodes.of([card("a", 0)], { areGiven: false });
    await nodes.of([card("a", 7)], given);

    expect(await requested()).toEqual([]);
  });

  test("that cannot be made is left out, and not tried at each check", async () => {
    const nodes = await nodesWith("exit 1");
    const without = new Map([[gpu("a").uuid, at("nvidia0", "nvidiactl")]]);

    expect(await nodes.of([card("a", 0)], given)).toEqual(without);
    expect(await nodes.of([card("a", 0)], given)).toEqual(without);
    expect(await requested()).toHaveLength(1);
  });

  test("is left out where NVIDIA's program is not installed", async () => {
    await devices("nvidia0", "nvidiactl");
    const nodes = new DeviceNodes({ folder, modprobe: join(folder, "no-such-program") });

    expect((await nodes.of([card("a", 0)], given)).get(gpu("a").uuid)).toEqual(at("nvidia0", "nvidiactl"));
  });
});
