import { jobMessage } from "@remotegpu/control-plane/server/core/alerts/job-messages";
import type { TrainingJobStatus } from "@remotegpu/shared/values/workload";
import { expect, test } from "vitest";

const CAUSE = { by: null, exitCode: null };

test.each<[TrainingJobStatus, string | null, string, string]>([
  ["running", null, "job-started", "is running."],
  ["completed", null, "job-ended", "is completed."],
  ["failed", "It ended with 3.", "job-ended", "has failed: It ended with 3."],
  ["cancelled", "Cancelled by customer 4.", "job-ended", "is cancelled: Cancelled by customer 4."],
  ["cancelled", null, "job-ended", "is cancelled."],
])("a move to %s because of %j is reported as %s: it %s", (to, reason, kind, report) => {
  const messages = jobMessage({ to, reason, cause: CAUSE, attempt: 1, nextAttempt: null });

  expect(messages).toMatchObject({ kind, state: "fired", text: report, facts: { attempt: 1 } });
});

test.each<TrainingJobStatus>(["pending", "queued", "stopping"])("a move to %s is not reported", (to) => {
  expect(jobMessage({ to, reason: "why", cause: CAUSE, attempt: 1, nextAttempt: null })).toBeNull();
});

test.each<TrainingJobStatus>(["pending", "queued"])(
  "a move to %s for another attempt is reported as a retry",
  (to) => {
    const cause = { by: null, exitCode: 7 };
    const messages = jobMessage({ to, reason: "It failed.", cause, attempt: 2, nextAttempt: 3 });

    expect(messages).toMatchObject({
      kind: "job-retried",
      text: "is tried again: It failed.",
      facts: { attempt: 2, next_attempt: 3, exit_code: 7 },
    });
  },
);
