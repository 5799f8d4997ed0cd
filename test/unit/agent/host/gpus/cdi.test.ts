/** Reading CDI specs as NVIDIA's tools write them. */
import { describe, expect, test } from "vitest";
import { CdiSpecFiles, cdiDevicesOf, parseCdiSpec } from "@remotegpu/agent/host/gpus/cdi";
import { gpu } from "../../../../support/samples/run-samples.ts";

const YAML = `---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
containerEdits:
  deviceNodes:
  - path: /dev/nvidia-modeset
  - path: /dev/nvidiactl
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  hooks:
  - args: [nvidia-ctk, hook, update-ldcache]
    hookName: createContainer
    path: /usr/bin/nvidia-ctk
  mounts:
  - containerPath: /usr/bin/nvidia-smi
    hostPath: /usr/bin/nvidia-smi
    options: [ro, nosuid, nodev, bind]
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      hostPath: /dev/nvidia0
      permissions: rw
  name: 0
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia1
  name: ${gpu("b").uuid}
- name: all
`;

const inventory = [
  { ...gpu("a"), index: 0 },
  { ...gpu("b"), index: 1 },
];

test("cards are found by UUID, else by NVIDIA's index, with common and own edits", () => {
  const [byIndex, byUuid, ...more] = cdiDevicesOf([parseCdiSpec(YAML)], inventory);

  expect(more).toEqual([]);
  expect(byIndex).toEqual({
    uuid: gpu("a").uuid,
    qualifiedName: "nvidia.com/gpu=0",
    simulated: false,
    edits: {
      env: ["NVIDIA_VISIBLE_DEVICES=void"],
      deviceNodes: [
        { path: "/dev/nvidia-modeset", hostPath: "/dev/nvidia-modeset", permissions: "rwm" },
        { path: "/dev/nvidiactl", hostPath: "/dev/nvidiactl", permissions: "rwm" },
        { path: "/dev/nvidia0", hostPath: "/dev/nvidia0", permissions: "rw" },
      ],
      mounts: [
        {
          hostPath: "/usr/bin/nvidia-smi",
          containerPath: "/usr/bin/nvidia-smi",
          options: ["ro", "nosuid", "nodev", "bind"],
        },
      ],
    },
  });
  expect(byUuid).toMatchObject({ uuid: gpu("b").uuid, qualifiedName: `nvidia.com/gpu=${gpu("b").uuid}` });
});

test("a card that no spec names is left out", () => {
  expect(cdiDevicesOf([parseCdiSpec(YAML)], [{ ...gpu("z"), index: 7 }])).toEqual([]);
});

test("a simulated card is never found by its index", () => {
  const spec = parseCdiSpec(YAML.replace("nvidia.com/gpu", "remotegpu.simulated/gpu"));

  expect(cdiDevicesOf([spec], inventory)).toMatchObject([{ uuid: gpu("b").uuid, simulated: true }]);
});

test("JSON is read as well", () => {
  const spec = { cdiVersion: "0.6.0", kind: "nvidia.com/gpu", devices: [{ name: "0", containerEdits: {} }] };

  expect(cdiDevicesOf([parseCdiSpec(JSON.stringify(spec))], inventory)).toMatchObject([
    { qualifiedName: "nvidia.com/gpu=0", edits: { env: [], deviceNodes: [], mounts: [] } },
  ]);
});

describe("what is no spec", () => {
  test.each([["{"], ["[]"], ["kind: nvidia.com/gpu"], [""], ["a: *unknown"], ["x".repeat(5 * 1024 * 1024)]])(
    "%.20s is refused",
    (text) => {
      expect(() => parseCdiSpec(text)).toThrow(/./);
    },
  );

  test("a file of aliases that stand for gigabytes is refused", () => {
    const layers = Array.from(
      { length: 30 },
      (_, at) => `l${at + 1}: &l${at + 1} [*l${at}, *l${at}, *l${at}]`,
    );

    expect(() => parseCdiSpec(`l0: &l0 [x]\n${layers.join("\n")}\n`)).toThrow(/./);
  });

  test("a folder that is not there holds none", async () => {
    await expect(new CdiSpecFiles().read(["/nowhere/at/all"])).resolves.toEqual({
      specs: [],
      unreadable: [],
    });
  });
});
