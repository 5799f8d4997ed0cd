/** Which containers the access process may lead into. */
import { expect, test } from "vitest";
import { runningContainers } from "@remotegpu/agent/core/leases/running-containers";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { RUNNING, containerOf, exited, key } from "../../../../support/samples/run-samples.ts";

const order = desiredOf("x", {}, key());

test("one that runs and was ordered is listed with its workload and its process", () => {
  expect(runningContainers([order], [containerOf(key())])).toEqual([
    {
      workloadId: "env-x",
      instanceId: "env-1",
      runId: "run-1",
      containerId: "container-of-run-1",
      pid: 4711,
      services: [],
      isDraining: false,
    },
  ]);
});

test.each([
  ["has ended", containerOf(key(), exited(0))],
  ["has not begun", containerOf(key(), { state: "created" })],
  ["nobody ordered", containerOf(key({ instance: "env-2" }))],
])("one that %s is left out", (_what, container) => {
  expect(runningContainers([order], [container])).toEqual([]);
});

test("of one workload the latest placement's comes last, however they were listed", () => {
  const [first, second, third] = [1, 2, 3].map((epoch) =>
    containerOf(key({ epoch, run: `run-${epoch}` }), RUNNING),
  );

  const reported = runningContainers([order], [third!, first!, second!]);

  expect(reported.map(({ containerId }) => containerId)).toEqual([
    "container-of-run-1",
    "container-of-run-2",
    "container-of-run-3",
  ]);
});
