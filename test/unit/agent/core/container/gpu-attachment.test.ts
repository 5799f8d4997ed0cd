/** How GPUs get into a container, each way alone. */
import { textOf } from "@remotegpu/shared/reasons/host-reports/statement";
import { describe, expect, test } from "vitest";
import {
  attachmentOf,
  chooseAttachMode,
  gpuOptions,
  unattachableGpus,
} from "@remotegpu/agent/core/container/gpu-attachment";
import type { CdiDevice, HostNodes } from "@remotegpu/agent/core/container/gpu-attachment";
import { gpu } from "../../../../support/samples/run-samples.ts";

function device(name: string, changes: Partial<CdiDevice> = {}): CdiDevice {
  return {
    uuid: gpu(name).uuid,
    qualifiedName: `nvidia.com/gpu=${name}`,
    simulated: false,
    edits: {
      env: ["NVIDIA_VISIBLE_DEVICES=void", "FROM_SPEC=a=b"],
      deviceNodes: [
        { path: "/dev/nvidiactl", hostPath: "/dev/nvidiactl", permissions: "rw" },
        { path: `/dev/nvidia-${name}`, hostPath: `/dev/host-${name}`, permissions: "rwm" },
      ],
      mounts: [{ hostPath: "/usr/bin/nvidia-smi", containerPath: "/usr/bin/nvidia-smi", options: ["ro"] }],
    },
    ...changes,
  };
}

const uuids = [gpu("a").uuid, gpu("b").uuid];
const cards = uuids.map((uuid) => ({ uuid, migEnabled: false }));
const known = [device("a"), device("b")];

describe("the mode of a host", () => {
  test.each([
    ["CDI in the runtime and every card named", { hasCdi: true, hasNvidia: true }, known, "cdi"],
    [
      "CDI in the runtime, a card unnamed, NVIDIA's runtime",
      { hasCdi: true, hasNvidia: true },
      [device("a")],
      "gpus",
    ],
    ["no CDI, NVIDIA's runtime", { hasCdi: false, hasNvidia: true }, known, "gpus"],
    ["no CDI, no NVIDIA's runtime, every card named", { hasCdi: false, hasNvidia: false }, known, "plain"],
    ["nothing at all", { hasCdi: false, hasNvidia: false }, [], null],
    [
      "simulated cards, which NVIDIA's runtime does not know",
      { hasCdi: false, hasNvidia: true },
      [device("a", { simulated: true }), device("b", { simulated: true })],
      "plain",
    ],
    ["CDI alone, a card unnamed", { hasCdi: true, hasNvidia: false }, [device("a")], "cdi"],
    ["neither, a card unnamed", { hasCdi: false, hasNvidia: false }, [device("a")], "plain"],
    ["CDI alone, no card named", { hasCdi: true, hasNvidia: false }, [], null],
  ] as const)("%s", (_case, runtime, devices, mode) => {
    expect(chooseAttachMode({ runtime, gpus: cards, known: devices })).toBe(mode);
  });

  test.each([
    ["CDI beside NVIDIA's runtime", { hasCdi: true, hasNvidia: true }, "cdi"],
    ["CDI alone", { hasCdi: true, hasNvidia: false }, "cdi"],
    ["NVIDIA's runtime alone", { hasCdi: false, hasNvidia: true }, "gpus"],
    ["neither", { hasCdi: false, hasNvidia: false }, "plain"],
  ] as const)("is not decided by a card in MIG mode, which no spec names: %s", (_case, runtime, mode) => {
    const [cut, whole] = [{ uuid: gpu("b").uuid, migEnabled: true }, cards[0]!];

    expect(chooseAttachMode({ runtime, gpus: [cut, whole], known: [device("a")] })).toBe(mode);
  });

  test("a host without cards takes CDI where it is", () => {
    expect(chooseAttachMode({ runtime: { hasCdi: true, hasNvidia: false }, gpus: [], known: [] })).toBe(
      "cdi",
    );
  });
});

describe("cards that cannot be attached", () => {
  test.each([
    ["by CDI those that no spec names", "cdi", [device("a")], [gpu("b").uuid]],
    ["plainly the same", "plain", [device("a")], [gpu("b").uuid]],
    ["by NVIDIA's runtime none that is known of", "gpus", [], []],
    ["without any route all", null, [], uuids],
    ["none where all are named", "cdi", known, []],
  ] as const)("are %s", (_case, mode, devices, unattachable) => {
    const found = unattachableGpus(cards, mode, devices);

    expect([...found.keys()]).toEqual(unattachable);
    for (const why of found.values())
      expect(textOf(why)).toMatch(/^It cannot be given to a container: .*\.$/);
  });
});

const NO_NODES: HostNodes = new Map();

describe("finding the cards of a placement", () => {
  test("none wanted needs no mode", () => {
    expect(attachmentOf([], null, [], NO_NODES)).toEqual({ attached: true, attachment: { mode: "none" } });
  });

  test("a host that has no attachment mode reports it", () => {
    expect(attachmentOf([gpu("a")], null, known, NO_NODES)).toMatchObject({
      attached: false,
      problem: "gpu-missing",
    });
  });

  test.each(["cdi", "plain"] as const)("%s names the card that is not there", (mode) => {
    const result = attachmentOf([gpu("a"), gpu("z")], mode, known, NO_NODES);

    expect(result).toMatchObject({
      attached: false,
      problem: "gpu-missing",
      why: { code: "gpu-not-in-cdi", params: { gpu_uuid: gpu("z").uuid } },
    });
  });

  test("the order of the placement is preserved", () => {
    expect(attachmentOf([gpu("b"), gpu("a")], "gpus", [], NO_NODES)).toEqual({
      attached: true,
      attachment: { mode: "gpus", uuids: [gpu("b").uuid, gpu("a").uuid], nodes: [] },
    });
  });

  test("with NVIDIA's runtime the nodes of its cards come along, those that they share once", () => {
    const nodes = new Map([
      [gpu("a").uuid, ["/dev/nvidia3", "/dev/nvidiactl"]],
      [gpu("b").uuid, ["/dev/nvidia0", "/dev/nvidiactl"]],
      [gpu("c").uuid, ["/dev/nvidia1", "/dev/nvidiactl"]],
    ]);

    expect(attachmentOf([gpu("b"), gpu("a")], "gpus", [], nodes)).toMatchObject({
      attachment: { nodes: ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia3"] },
    });
  });
});

describe("the options", () => {
  test("without cards every NVIDIA runtime is configured to add none", () => {
    expect(gpuOptions({ mode: "none" })).toEqual({
      env: { NVIDIA_VISIBLE_DEVICES: "void" },
      deviceRequests: [],
      devices: [],
      mounts: [],
    });
  });

  test("cdi requests the names and nothing beside them", () => {
    expect(gpuOptions({ mode: "cdi", devices: known })).toEqual({
      env: { NVIDIA_VISIBLE_DEVICES: "void" },
      deviceRequests: [
        { Driver: "cdi", DeviceIDs: ["nvidia.com/gpu=a", "nvidia.com/gpu=b"], Capabilities: [] },
      ],
      devices: [],
      mounts: [],
    });
  });

  test("gpus requests exactly the cards from NVIDIA's runtime", () => {
    expect(gpuOptions({ mode: "gpus", uuids, nodes: ["/dev/nvidia3", "/dev/nvidiactl"] })).toMatchObject({
      env: { NVIDIA_VISIBLE_DEVICES: uuids.join(",") },
      deviceRequests: [{ Driver: "nvidia", DeviceIDs: uuids }],
      // Rules that its hook adds by itself are gone when systemd reads its units anew.
      devices: [
        { PathOnHost: "/dev/nvidia3", PathInContainer: "/dev/nvidia3", CgroupPermissions: "rwm" },
        { PathOnHost: "/dev/nvidiactl", PathInContainer: "/dev/nvidiactl", CgroupPermissions: "rwm" },
      ],
    });
  });

  test("plain takes devices, mounts and variables of the same spec, each once", () => {
    expect(gpuOptions({ mode: "plain", devices: known })).toEqual({
      env: { NVIDIA_VISIBLE_DEVICES: "void", FROM_SPEC: "a=b" },
      deviceRequests: [],
      devices: [
        { PathOnHost: "/dev/nvidiactl", PathInContainer: "/dev/nvidiactl", CgroupPermissions: "rw" },
        { PathOnHost: "/dev/host-a", PathInContainer: "/dev/nvidia-a", CgroupPermissions: "rwm" },
        { PathOnHost: "/dev/host-b", PathInContainer: "/dev/nvidia-b", CgroupPermissions: "rwm" },
      ],
      mounts: [
        { Type: "bind", Source: "/usr/bin/nvidia-smi", Target: "/usr/bin/nvidia-smi", ReadOnly: true },
      ],
    });
  });

  test("plain mounts a library under the name that programs search for, too", () => {
    const library = "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15";
    const edits = {
      env: [],
      deviceNodes: [],
      mounts: [{ hostPath: library, containerPath: library, options: [] }],
    };

    const { mounts } = gpuOptions({ mode: "plain", devices: [device("a", { edits })] });

    expect(mounts.map((mount) => [mount.Source, mount.Target])).toEqual([
      [library, library],
      [library, "/usr/lib/x86_64-linux-gnu/libcuda.so.1"],
    ]);
  });

  test.each(["cdi", "plain"] as const)("%s shows a container its simulated cards by name", (mode) => {
    const devices = [device("a", { simulated: true }), device("b", { simulated: true })];

    expect(gpuOptions({ mode, devices }).env["NVIDIA_VISIBLE_DEVICES"]).toBe(uuids.join(","));
  });
});
