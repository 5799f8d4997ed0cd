/** Which nodes of NVIDIA's driver each card is used by. */
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostNodes } from "@remotegpu/agent/host/gpus/device-nodes";
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
  ["nobody told its minor number", card("a", undefined)],
  ["its own node is not there", card("a", 1)],
  ["it is simulated", card("a", 0, true)],
])("a card has none where %s", async (_what, given) => {
  await devices("nvidia0", "nvidiactl", "nvidia-uvm");

  expect(await hostNodes([given], folder)).toEqual(new Map());
});
