import { expect, test } from "vitest";
import { ordersOfRemovedHost } from "@remotegpu/agent/core/reconcile/removed-host";
import { reconcile } from "@remotegpu/agent/core/reconcile/reconcile";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { containerOf, key, reconcileInput, recordOf } from "../../../../support/samples/run-samples.ts";

const known = [desiredOf("x", {}, key()), desiredOf("y", {}, { ...key({ run: "run-2" }), want: "stopped" })];

test("whatever was wanted is to be removed, by an administrator's order", () => {
  expect(ordersOfRemovedHost(known)).toEqual(
    known.map((one) => ({ ...one, want: "removed", orderedBy: "admin" })),
  );
});

test("what runs is stopped first, and the stop names who ordered that", () => {
  const desired = ordersOfRemovedHost(known.slice(0, 1));

  const actions = reconcile(
    reconcileInput({ desired, observed: [containerOf(key())], runs: [recordOf(key())] }),
  );

  expect(actions).toMatchObject([{ kind: "stop", orderedBy: "admin", cause: "ordered" }]);
});
