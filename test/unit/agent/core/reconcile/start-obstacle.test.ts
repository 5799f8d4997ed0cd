/** What a start waits for although nothing is wrong with it. */
import { describe, expect, test } from "vitest";
import type { UnclearGpu } from "@remotegpu/agent/core/gpus/gpu-handover";
import { areRivals, startObstacle, type HostObstacles } from "@remotegpu/agent/core/reconcile/start-obstacle";
import type { AttachedGpu } from "@remotegpu/shared/instance/instance";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  RUNNING,
  containerOf,
  exited,
  gpu,
  instanceId,
  key,
} from "../../../../support/samples/run-samples.ts";

const wanted = (gpus = [gpu("a")]) => desiredOf("x", { gpus }, key({ instance: "env-9", run: "run-9" }));
const other = (gpus = [gpu("a")], status = RUNNING) => containerOf(key(), status, { gpus });
const FREE: HostObstacles = {
  startsRefused: null,
  awaitsContact: false,
  closedGpus: new Map(),
  refusedGpus: new Map(),
  unclearGpus: new Map(),
};

test("no obstacle is null", () => {
  expect(startObstacle(wanted(), [], FREE)).toBeNull();
  expect(startObstacle(wanted(), [other([gpu("b")])], FREE)).toBeNull();
});

test("a host that refuses starts gives the reason", () => {
  expect(startObstacle(wanted(), [], { ...FREE, startsRefused: "its journal's disk is full." })).toEqual({
    kind: "host-refuses",
    detail: "This host refuses new starts: its journal's disk is full.",
    reason: expect.objectContaining({ code: "host-refuses-starts" }),
  });
});

test.each([
  ["stop_after", true, "no-contact-yet"],
  ["stop_after", false, undefined],
  ["keep", true, undefined],
] as const)(
  "with %s, and nobody heard since the boot: %s, it is held back by %s",
  (onDisconnect, awaitsContact, kind) => {
    const live = { stopGraceSeconds: 5, onDisconnect, stopAfterSeconds: 900 };

    const obstacle = startObstacle(desiredOf("x", {}, { live }), [], { ...FREE, awaitsContact });

    expect(obstacle?.kind).toBe(kind);
  },
);

test("a card that takes nothing new is waited for, with why; another card is not", () => {
  const closedGpus = new Map([[gpu("a").uuid, "Xid 48: an uncorrectable memory error."]]);

  expect(startObstacle(wanted(), [], { ...FREE, closedGpus })).toEqual({
    kind: "gpu-closed",
    detail: `It waits for GPU ${gpu("a").uuid}, which takes nothing new. Xid 48: an uncorrectable memory error.`,
    reason: expect.objectContaining({ code: "start-awaits-gpu" }),
  });
  expect(startObstacle(wanted([gpu("b")]), [], { ...FREE, closedGpus })).toBeNull();
});

test("a card that containers were refused is waited for by others than those who were", () => {
  const closedGpus = new Map([[gpu("a").uuid, "The device rules keep a container from it."]]);
  const refused = (...instances: string[]) => ({
    ...FREE,
    closedGpus,
    refusedGpus: new Map([[gpu("a").uuid, new Set(instances.map(instanceId))]]),
  });

  expect(startObstacle(wanted(), [], refused("env-9", "env-1"))).toBeNull();
  expect(startObstacle(wanted(), [], refused("env-1"))).toMatchObject({ kind: "gpu-closed" });
});

describe("a card that nothing of ours holds", () => {
  const { uuid } = gpu("a");
  const unclear = (why: UnclearGpu): HostObstacles => ({ ...FREE, unclearGpus: new Map([[uuid, why]]) });
  const used = (name: string | null) =>
    unclear({ kind: "gpu-stranger", stranger: { pid: 812, name, memoryMib: 60 } });

  test.each([
    ["Xorg", "Xorg"],
    [null, "without a name"],
  ])("is not given away while a process named %s is on it", (name, output) => {
    expect(startObstacle(wanted(), [], used(name))).toEqual({
      kind: "gpu-stranger",
      detail: `It waits for GPU ${uuid}, which process 812 (${output}) uses; it is none of this host's runs.`,
      reason: expect.objectContaining({
        code: name === null ? "start-awaits-gpu-process" : "start-awaits-gpu-program",
      }),
    });
  });

  test("is not given away before somebody has checked", () => {
    expect(startObstacle(wanted(), [], unclear({ kind: "gpu-unseen" }))).toEqual({
      kind: "gpu-unseen",
      detail: `It waits until this host has seen that nothing is left on GPU ${uuid}.`,
      reason: { code: "start-awaits-gpu-check", params: { gpu_uuid: uuid } },
    });
  });

  test("is no obstacle to who wants another one, and is one to who wants it among others or a slice of it", () => {
    const kindOf = (gpus: AttachedGpu[]) => startObstacle(wanted(gpus), [], used("Xorg"))?.kind;

    expect([[gpu("b")], [], [gpu("b"), gpu("a")], [gpu("a", 10)]].map(kindOf)).toEqual([
      undefined,
      undefined,
      "gpu-stranger",
      "gpu-stranger",
    ]);
  });

  test("matters less than who holds it", () => {
    expect(startObstacle(wanted(), [other()], used("Xorg"))?.kind).toBe("gpu-in-use");
  });
});

test("an earlier run of the same instance must have stopped", () => {
  const earlier = containerOf(key({ instance: "env-9", run: "run-8" }));

  expect(startObstacle(wanted([]), [earlier], FREE)).toMatchObject({ kind: "same-instance" });
  expect(startObstacle(wanted([]), [{ ...earlier, status: exited(0) }], FREE)).toBeNull();
});

test("its own container is no obstacle", () => {
  expect(startObstacle(wanted(), [containerOf(wanted(), RUNNING, { gpus: [gpu("a")] })], FREE)).toBeNull();
});

test.each([
  ["whole", "whole", null, null, "gpu-in-use"],
  ["whole", "a slice", null, 100, "gpu-in-use"],
  ["a slice", "whole", 100, null, "gpu-in-use"],
  ["a slice", "another slice", 100, 200, undefined],
])("a card held as %s and wanted as %s", (_held, _wanted, held, request, kind) => {
  const obstacle = startObstacle(wanted([gpu("a", request)]), [other([gpu("a", held)])], FREE);

  expect(obstacle?.kind).toBe(kind);
});

test("a container that does not run holds no card", () => {
  expect(startObstacle(wanted(), [other([gpu("a")], exited(0))], FREE)).toBeNull();
});

test("two starts are rivals by their instance or by a card, not by slices of one", () => {
  const start = (instance: string, memoryMib: number | null) =>
    desiredOf("x", { gpus: [gpu("a", memoryMib)] }, key({ instance, run: `run-${instance}` }));

  expect(areRivals(start("env-1", 10), start("env-1", 10))).toBe(true);
  expect(areRivals(start("env-1", null), start("env-2", 10))).toBe(true);
  expect(areRivals(start("env-1", 10), start("env-2", 10))).toBe(false);
  expect(areRivals(desiredOf("a"), desiredOf("b"))).toBe(false);
});
