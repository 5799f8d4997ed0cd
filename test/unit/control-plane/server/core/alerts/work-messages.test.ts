import { describe, expect, test } from "vitest";
import type { EnvironmentStatus } from "@remotegpu/shared/values/workload";
import {
  type EndCause,
  drainMessage,
  drainCancelledMessage,
  leaseMessage,
  crashLoopMessage,
  crashLoopEndMessage,
  statusMessage,
  type Restarts,
} from "@remotegpu/control-plane/server/core/alerts/work-messages";

const NO_HANDLERS: EndCause = { by: null, exitCode: null };

test.each<[EnvironmentStatus, string | null, EndCause, string, string]>([
  ["running", null, NO_HANDLERS, "ready", "is ready."],
  ["error", "It died", { by: null, exitCode: 4 }, "failed", "has failed: It died."],
  ["stopped", null, { by: "customer", exitCode: 143 }, "stopped", "has stopped: as it was ordered."],
  [
    "stopped",
    "An administrator stopped it.",
    { by: "admin", exitCode: null },
    "stopped",
    "has stopped: An administrator stopped it.",
  ],
  ["stopped", null, NO_HANDLERS, "stopped", "has stopped."],
])("a move to %s because of %j (%j) is reported as %s: it %s", (to, reason, cause, kind, report) => {
  expect(statusMessage(to, reason, cause)).toMatchObject({ kind, state: "fired", text: report });
});

test.each<EnvironmentStatus>(["queued", "creating", "stopping", "restarting", "deleting"])(
  "a move to %s is not reported",
  (to) => {
    expect(statusMessage(to, "why", NO_HANDLERS)).toBeNull();
  },
);

test("an end names by whom, why and with which exit code", () => {
  expect(statusMessage("stopped", "The money is used up.", { by: "account", exitCode: 137 })?.facts).toEqual({
    by: "account",
    reason: "The money is used up.",
    exit_code: 137,
  });
});

describe("a loop of restarts", () => {
  const restarts: Restarts = { count: 3, exit_code: 4, signal: null, out_of_memory: false };

  test.each<[Partial<Restarts>, string]>([
    [{}, "is restarting (3x, exit 4)."],
    [{ exit_code: 137, out_of_memory: true }, "is restarting (3x, out of memory)."],
    [{ exit_code: null }, "is restarting (3x, its container was gone)."],
  ])("with %j reports that it %s", (how, report) => {
    expect(crashLoopMessage({ ...restarts, ...how })).toMatchObject({
      kind: "restarting",
      state: "fired",
      text: report,
    });
  });

  test("is over with calm or with its run", () => {
    expect(crashLoopEndMessage(restarts, false)).toMatchObject({
      state: "recovered",
      text: "restarts no more: after 3 restarts its container has stayed up since.",
      facts: { restarts: 3, exit_code: 4, run_ended: false },
    });
    expect(crashLoopEndMessage(restarts, true).text).toBe(
      "restarts no more: after 3 restarts its run has ended.",
    );
  });
});

test("a drain is reported with host, reason and deadline, and taken back", () => {
  const host = { id: "host-1", name: "gpu-07" };
  const drain = { reason: "a fan", deadline: new Date("2026-03-01T10:00:00Z") };
  const facts = {
    host_id: "host-1",
    host_name: "gpu-07",
    reason: "a fan",
    deadline: "2026-03-01T10:00:00.000Z",
  };

  expect(drainMessage(host, drain)).toMatchObject({ kind: "drained", state: "fired", facts });
  expect(drainCancelledMessage(host, drain)).toMatchObject({ kind: "drained", state: "recovered", facts });
});

test.each([
  [20_481, "loses port 20481 (ssh) at 2026-03-01T10:00:00.000Z unless somebody connects."],
  [null, "loses its port (ssh) at 2026-03-01T10:00:00.000Z unless somebody connects."],
])("a lease of port %j that is about to go: it %s", (externalPort, report) => {
  const lease = { service: "ssh", internalPort: 22, externalPort, releaseAt: "2026-03-01T10:00:00.000Z" };

  expect(leaseMessage(lease)).toMatchObject({
    kind: "lease-due",
    text: report,
    facts: { internal_port: 22 },
  });
});
