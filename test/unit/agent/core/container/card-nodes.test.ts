/** By which nodes a container uses its cards, by how it was created. */
import { describe, expect, test } from "vitest";
import { cardNodes, hasCardsBySupportAlone } from "@remotegpu/agent/core/container/card-nodes";
import type { CreatedDevices } from "@remotegpu/agent/core/container/container";
import type { CdiDevice } from "@remotegpu/agent/core/container/gpu-attachment";
import { containerOf, gpu, key, RUNNING } from "../../../../support/samples/run-samples.ts";

const [A, B] = [gpu("a").uuid, gpu("b").uuid];

function device(name: string, nodes: CdiDevice["edits"]["deviceNodes"]): CdiDevice {
  const edits = { env: [], mounts: [], deviceNodes: nodes };
  return { uuid: gpu(name).uuid, qualifiedName: `nvidia.com/gpu=${name}`, simulated: false, edits };
}
const node = (path: string, permissions = "rwm", hostPath = path) => ({ path, hostPath, permissions });
const shared = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"].map(
  (path) => node(path),
);
const devices = [
  device("a", [node("/dev/nvidia0"), node("/dev/dri/renderD128"), ...shared]),
  device("b", [node("/dev/nvidia1"), ...shared]),
];
const nodes = new Map([
  [A, ["/dev/nvidia3", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"]],
  [B, ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"]],
]);

function container(created: CreatedDevices | undefined, gpus = [gpu("a"), gpu("b")]) {
  return { ...containerOf(key(), RUNNING, { gpus }), created };
}
const insideOf = (created: CreatedDevices | undefined, known = { devices, nodes }) =>
  cardNodes(container(created), known).map(({ inside, gpus }) => [inside, gpus]);

describe("the nodes that are probed", () => {
  const needed = [
    ["/dev/nvidia0", [A]],
    ["/dev/nvidiactl", [A, B]],
    ["/dev/nvidia-uvm", [A, B]],
    ["/dev/nvidia1", [B]],
  ];

  test("are those of its CDI devices without which nothing computes", () => {
    expect(insideOf({ devices: [], drivers: ["cdi"] })).toEqual(needed);
  });

  test("are the same where it was given them plainly", () => {
    expect(insideOf({ devices: ["/dev/nvidia0", "/dev/nvidia1"], drivers: [] })).toEqual(needed);
  });

  test("are those of the minor numbers with NVIDIA's runtime", () => {
    expect(insideOf({ devices: [], drivers: ["nvidia"] })).toEqual([
      ["/dev/nvidia3", [A]],
      ["/dev/nvidiactl", [A, B]],
      ["/dev/nvidia-uvm", [A, B]],
      ["/dev/nvidia0", [B]],
    ]);
  });

  test("may be absent where it was not created with them, and only NVIDIA's runtime adds them", () => {
    const created = { devices: ["/dev/nvidia3", "/dev/nvidiactl"], drivers: ["nvidia"] };

    expect(cardNodes(container(created, [gpu("a")]), { devices, nodes })).toEqual([
      { node: "/dev/nvidia3", inside: "/dev/nvidia3", gpus: [A] },
      { node: "/dev/nvidiactl", inside: "/dev/nvidiactl", gpus: [A] },
      { node: "/dev/nvidia-uvm", inside: "/dev/nvidia-uvm", gpus: [A], mayBeAbsent: true },
    ]);
  });

  test("are searched for on the host where the host has them", () => {
    const simulated = [device("a", [node("/dev/nvidia0", "rw", "/dev/null")])];

    expect(cardNodes(container({ devices: [], drivers: ["cdi"] }), { devices: simulated, nodes })).toEqual([
      { node: "/dev/null", inside: "/dev/nvidia0", gpus: [A] },
    ]);
  });

  test("are none that may only be read", () => {
    const readOnly = [device("a", [node("/dev/nvidia0", "r"), node("/dev/nvidiactl", "rm")])];

    expect(insideOf({ devices: [], drivers: ["cdi"] }, { devices: readOnly, nodes })).toEqual([]);
  });

  test.each([
    ["the runtime does not say how it was created", undefined, { devices, nodes }],
    ["it was given no devices", { devices: [], drivers: [] }, { devices, nodes }],
    ["no spec names its cards any more", { devices: [], drivers: ["cdi"] }, { devices: [], nodes }],
    ["nobody knows the minor numbers", { devices: [], drivers: ["nvidia"] }, { devices, nodes: new Map() }],
  ])("are none where %s", (_what, created, known) => {
    expect(insideOf(created, known)).toEqual([]);
  });
});

describe("a reload of systemd takes the cards from a container", () => {
  const given = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"];

  test.each([
    ["with NVIDIA's runtime alone", { devices: [], drivers: ["nvidia"] }, true],
    ["with nodes that all cards share alone", { devices: given, drivers: ["nvidia"] }, true],
    ["with the node of one of two", { devices: [...given, "/dev/nvidia3"], drivers: ["nvidia"] }, true],
    [
      "with the nodes of both",
      { devices: [...given, "/dev/nvidia3", "/dev/nvidia0"], drivers: ["nvidia"] },
      false,
    ],
    [
      "without the node of unified memory",
      { devices: ["/dev/nvidiactl", "/dev/nvidia3", "/dev/nvidia0"], drivers: ["nvidia"] },
      true,
    ],
    ["by CDI", { devices: [], drivers: ["cdi"] }, false],
    ["given plainly", { devices: given, drivers: [] }, false],
    ["as nobody says", undefined, false],
  ])("%s: %s", (_what, created, is) => {
    expect(hasCardsBySupportAlone(container(created))).toBe(is);
  });
});
