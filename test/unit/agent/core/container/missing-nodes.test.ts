/** What is told of nodes that somebody removed inside of a container. */
import { expect, test } from "vitest";
import { withMissingNodes } from "@remotegpu/agent/core/container/missing-nodes";
import { observedInstances } from "@remotegpu/agent/core/reconcile/lifecycle";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import {
  containerOf,
  exited,
  key,
  reconcileInput,
  recordOf,
  RUNNING,
  runId,
} from "../../../../support/samples/run-samples.ts";

function output(status = RUNNING) {
  const observed = [containerOf(key(), status)];
  const desired = [desiredOf("x", { kind: "training" }, key())];
  const { flags, ...known } = reconcileInput({ desired, observed, runs: [recordOf(key())] });
  const none = { waits: new Map(), notEnding: new Map(), disagreements: new Map() };
  return observedInstances({ ...known, ...flags, ...none });
}
const missing = new Map([[runId("run-1"), { missing: ["/dev/nvidia0", "/dev/nvidiactl"] }]]);

test("names them, and everything else is as it was", () => {
  const [before] = output();

  expect(withMissingNodes(output(), missing)).toEqual([
    {
      ...before,
      detail:
        "It runs. Removed inside of it: /dev/nvidia0, /dev/nvidiactl. What begins there now finds no GPU.",
      reason: {
        code: "in-sequence",
        params: {
          reasons: [
            { code: "run-running", params: {} },
            { code: "gpu-nodes-removed", params: { nodes: "/dev/nvidia0, /dev/nvidiactl" } },
          ],
        },
      },
    },
  ]);
});

test.each([
  ["none is missing", output(), new Map([[runId("run-1"), { missing: [] }]])],
  ["nobody was requested", output(), new Map()],
  ["it has ended", output(exited(0)), missing],
])("reports nothing where %s", (_what, instances, known) => {
  expect(withMissingNodes(instances, known)).toEqual(instances);
});
