import {
  rolloutMessage,
  scalingMessage,
  serviceStatusMessage,
} from "@remotegpu/control-plane/server/core/alerts/service-messages";
import type { InferenceServiceStatus } from "@remotegpu/shared/values/workload";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { expect, test } from "vitest";

const CAUSE = { by: null, exitCode: null };

test.each<[InferenceServiceStatus, string | null, string, string]>([
  ["running", "Replica 2 waits for a place.", "service-serving", "answers requests."],
  ["error", "No registry has its image.", "service-failed", "has failed: No registry has its image."],
  ["error", null, "service-failed", "has failed."],
  ["stopped", "Stopped by customer 4.", "service-stopped", "has stopped: Stopped by customer 4."],
  ["stopped", null, "service-stopped", "has stopped."],
])("a move to %s because of %j is reported as %s %s", (to, reason, kind, report) => {
  expect(serviceStatusMessage(to, reason, CAUSE)).toMatchObject({ kind, state: "fired", text: report });
});

test.each<InferenceServiceStatus>(["creating", "stopping"])("a move to %s is not reported", (to) => {
  expect(serviceStatusMessage(to, "why", CAUSE)).toBeNull();
});

test.each([
  [
    "completed",
    "Version 2 has replaced 1.",
    null,
    "has gone over to another version. Version 2 has replaced 1.",
  ],
  ["reverted", null, "No registry has it.", "stays at the version before."],
] as const)(
  "a rollout that was %s is reported with what became of it",
  (outcome, reported, cause, report) => {
    const [why, because] = [asReported(reported), asReported(cause)];

    expect(rolloutMessage({ outcome, reported: why, target: 2, serving: 1, cause: because })).toEqual({
      kind: "service-rollout",
      state: "fired",
      text: report,
      facts: { outcome, revision: 2, serving_revision: 1, reason: cause },
      reason: because,
    });
  },
);

test("another number of replicas is reported with the reason", () => {
  expect(scalingMessage({ from: 1, to: 3, why: asReported("Its load asks for 3.") })).toEqual({
    kind: "service-scaled",
    state: "fired",
    text: "has 3 replicas from now on, in place of 1. Its load asks for 3.",
    facts: { from: 1, to: 3, reason: "Its load asks for 3." },
  });
});
