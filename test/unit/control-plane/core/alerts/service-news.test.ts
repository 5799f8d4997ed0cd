import { newsOfServiceStatus } from "@remotegpu/control-plane/core/alerts/service-news";
import type { InferenceServiceStatus } from "@remotegpu/shared/workload";
import { expect, test } from "vitest";

const CAUSE = { by: null, exitCode: null };

test.each<[InferenceServiceStatus, string | null, string, string]>([
  ["running", "Replica 2 waits for a place.", "service-serving", "answers requests."],
  ["error", "No registry has its image.", "service-failed", "has failed: No registry has its image."],
  ["error", null, "service-failed", "has failed."],
  ["stopped", "Stopped by customer 4.", "service-stopped", "has stopped: Stopped by customer 4."],
  ["stopped", null, "service-stopped", "has stopped."],
])("a move to %s because of %j is told as %s %s", (to, reason, kind, says) => {
  expect(newsOfServiceStatus(to, reason, CAUSE)).toMatchObject({ kind, state: "fired", says });
});

test.each<InferenceServiceStatus>(["creating", "stopping"])("a move to %s is not told", (to) => {
  expect(newsOfServiceStatus(to, "why", CAUSE)).toBeNull();
});
