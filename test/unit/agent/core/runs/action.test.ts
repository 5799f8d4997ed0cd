/** The order in which a round's actions are carried out. */
import { expect, test } from "vitest";
import { inOrder } from "@remotegpu/agent/core/runs/action";
import type { Action } from "@remotegpu/agent/core/runs/action";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";
import { key } from "../../../../support/samples/run-samples.ts";

const start = (run: string): Action => ({
  kind: "start",
  ...key({ run }),
  desired: desiredOf("x"),
  attempt: 1,
});
const stop = (run: string): Action => ({
  kind: "stop",
  ...key({ run }),
  containerId: "c",
  orderedBy: "customer",
  cause: "ordered",
  detail: "",
  graceSeconds: 1,
  isGraceOrdered: true,
});

test("stops come before removals, removals before starts, and equals keep their order", () => {
  const remove: Action = { kind: "remove", ...key(), containerId: "c" };

  const ordered = inOrder([start("a"), remove, stop("b"), start("c"), stop("d")]);

  expect(ordered).toEqual([stop("b"), stop("d"), remove, start("a"), start("c")]);
});
