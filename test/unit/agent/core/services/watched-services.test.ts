/** Which services are looked at without a lease, and how they are told. */
import { expect, test } from "vitest";
import type { DesiredInstance } from "@remotegpu/shared/instance/instance";
import { ObservedInstance } from "@remotegpu/shared/instance/instance";
import { watchedServices, withServices } from "@remotegpu/agent/core/services/watched-services";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";

const ssh = { keySets: [] };
const jupyterToken = "0a".repeat(32);
const namesOf = (
  switches: Partial<DesiredInstance["spec"]>,
  live: Partial<DesiredInstance["live"]> = {},
): string[] => {
  const order = desiredOf("lab", switches);
  return watchedServices({ ...order, live: { ...order.live, ...live } }).map(({ name }) => name);
};

test("those that are to run are: Jupyter with its token, a terminal where sshd is", () => {
  expect(namesOf({ jupyter: true, tensorboard: true }, { jupyterToken, ssh })).toEqual([
    "jupyter",
    "tensorboard",
    "terminal",
  ]);
  expect(namesOf({ jupyter: true })).toEqual([]);
  expect(namesOf({}, { jupyterToken })).toEqual([]);
});

const observed = (runId: string, phase: ObservedInstance["phase"]) =>
  ObservedInstance.parse({
    instanceId: `ins-${runId}`,
    placementEpoch: 1,
    runId,
    phase,
    detail: "",
    problem: null,
    containerId: null,
    exitCode: null,
    gateOpenedMs: null,
    bootId: "b7c0a2f4-3d46-4c11-9d65-1f6d6f0f4c11",
  });

test("what was seen is reported of each run that is ready, and nothing of others", () => {
  const [ready, ending, other] = [
    observed("r-1", "ready"),
    observed("r-2", "stopping"),
    observed("r-3", "ready"),
  ];
  const seen = [ready, ending].map(({ runId }) => ({
    runId,
    name: "jupyter",
    isSeen: false,
    detail: "Nobody.",
  }));

  const reported = withServices([ready, ending, other], seen);

  expect(reported.map(({ services }) => services)).toEqual([
    { jupyter: { isSeen: false, detail: "Nobody." } },
    undefined,
    undefined,
  ]);
});

test("of a report in words of a later agent the rest is understood", () => {
  const later = { ...observed("r-1", "ready"), services: { jupyter: { is: "there" } } };

  expect(ObservedInstance.parse(later)).toMatchObject({ runId: "r-1", phase: "ready" });
});
