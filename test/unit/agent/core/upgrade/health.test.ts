/** What the health file says of containers and of the control plane. */
import { expect, test } from "vitest";
import { controlPlaneAt, healthInstances } from "@remotegpu/agent/core/upgrade/health";
import { containerOf, exited, key, STARTED_AT } from "../../../../support/samples/run-samples.ts";

test.each([
  [null, 0, "away"],
  [1_000, 1_000, "connected"],
  [1_000, 31_000, "connected"],
  [1_000, 31_001, "away"],
] as const)("a control plane heard at %s is, at %s, %s", (heardMs, nowMs, state) => {
  expect(controlPlaneAt(heardMs, nowMs)).toBe(state);
});

test("a container is known by its process and when that began; one that has ended has none", () => {
  const containers = [
    containerOf(key({ run: "run-1" })),
    containerOf(key({ run: "run-2" }), exited(0)),
    containerOf(key({ run: "run-3" }), { state: "left-behind", pids: [12, 13] }),
    containerOf(key({ run: "run-4" }), { state: "running", pid: 99, startedAt: STARTED_AT }),
  ];

  const instances = healthInstances(
    containers,
    new Map([
      [4711, 500],
      [12, 600],
    ]),
  );

  expect(instances).toEqual([
    { instanceId: "env-1", runId: "run-1", pid: 4711, startTicks: 500, state: "running" },
    { instanceId: "env-1", runId: "run-2", pid: null, startTicks: null, state: "exited" },
    { instanceId: "env-1", runId: "run-3", pid: 12, startTicks: 600, state: "left-behind" },
    // It ended while it was read: its number may be anybody's.
    { instanceId: "env-1", runId: "run-4", pid: null, startTicks: null, state: "running" },
  ]);
});
