import { inEnglish } from "@remotegpu/control-plane/server/core/reasons/english/english";
import { endReason } from "@remotegpu/control-plane/server/core/hosts/card-fault";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ENVIRONMENT_STATUSES, type EnvironmentStatus } from "@remotegpu/shared/values/workload";
import {
  afterDeadline,
  afterReport,
  afterRequest,
  type EnvironmentRequest,
  limitMs,
  waitsFor,
} from "@remotegpu/control-plane/server/core/environments/environment-status";
import type { InstanceReport } from "@remotegpu/control-plane/server/core/instances/instance-report";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";

function refusalOf(status: EnvironmentStatus, request: EnvironmentRequest): unknown {
  if (status === "deleting") return "environment-being-deleted";
  const params = { status: { code: `status-${status}`, params: {} } };
  if (request === "restart") return { code: "environment-not-restartable", params };
  if (request === "start" && status === "stopping") return "environment-still-stopping";
  if (request === "stop" && status === "error") return "environment-ended-with-error";
  return { code: "environment-already", params };
}

describe("requests", () => {
  const LEGAL: Record<EnvironmentRequest, Partial<Record<EnvironmentStatus, EnvironmentStatus>>> = {
    start: { stopped: "queued", error: "queued" },
    stop: { queued: "stopped", creating: "stopping", running: "stopping", restarting: "stopping" },
    restart: { running: "restarting" },
    delete: Object.fromEntries(ENVIRONMENT_STATUSES.map((status) => [status, "deleting"])),
  };
  const cases = (Object.keys(LEGAL) as EnvironmentRequest[]).flatMap((request) =>
    ENVIRONMENT_STATUSES.map((status) => [request, status, LEGAL[request][status]] as const),
  );

  test.each(cases)("%s while %s → %s", (request, status, next) => {
    const verdict = afterRequest(status, request);

    expect(verdict).toEqual(
      next === undefined ? { legal: false, why: refusalOf(status, request) } : { legal: true, status: next },
    );
  });
});

const CARD_FAULT = {
  uuid: "GPU-1",
  code: "gpu-lost",
  reason: "Lost.",
  why: null,
  isSign: true,
  isFatal: false,
};

describe("reports", () => {
  const report = (change: Partial<InstanceReport>): InstanceReport => ({
    rank: 0,
    state: "ready",
    problem: null,
    detail: null,
    exitCode: null,
    stopOrderedBy: null,
    stopReason: null,
    isBehind: false,
    ...change,
  });
  const becomes = (status: EnvironmentStatus, reason: string | null = null) => ({
    kind: "becomes",
    status,
    reason,
  });

  test.each<[EnvironmentStatus, Partial<InstanceReport>, object]>([
    [
      "creating",
      { state: "failed", problem: "start-refused", detail: asReported("older"), isBehind: true },
      { kind: "places-anew", reason: "older" },
    ],
    [
      "running",
      { state: "failed", problem: "start-refused", detail: asReported("older"), isBehind: true },
      becomes("error", "older"),
    ],
    [
      "creating",
      { state: "starting", detail: asReported("pulling") },
      { kind: "explains", reason: "pulling" },
    ],
    ["creating", { state: "ready" }, becomes("running")],
    [
      "creating",
      { state: "failed", problem: "image-missing", detail: asReported("no image") },
      becomes("error", "no image"),
    ],
    [
      "creating",
      { state: "failed", problem: "mount-missing", detail: asReported("no d/1") },
      { kind: "skips-pool", reason: "no d/1" },
    ],
    [
      "creating",
      { state: "failed", problem: "gpu-missing", detail: asReported("no CDI spec names it") },
      { kind: "leaves-card", reason: "no CDI spec names it" },
    ],
    [
      "restarting",
      { state: "failed", problem: "gpu-failed", detail: asReported("Xid 79") },
      { kind: "leaves-card", reason: "Xid 79" },
    ],
    [
      "running",
      { state: "failed", problem: "gpu-failed", detail: asReported("Xid 79") },
      becomes("error", "Xid 79"),
    ],
    [
      "running",
      { state: "failed", problem: "exited", detail: asReported("exit 1"), cardFault: CARD_FAULT },
      becomes("error", `exit 1 ${inEnglish(endReason(CARD_FAULT))}`),
    ],
    [
      "running",
      { state: "failed", problem: "gpu-failed", detail: asReported("Xid 79"), cardFault: CARD_FAULT },
      becomes("error", "Xid 79"),
    ],
    ["creating", { state: "stopped" }, becomes("stopped")],
    ["running", { state: "ready", detail: asReported("It runs.") }, { kind: "explains", reason: null }],
    [
      "running",
      { state: "ready", problem: "runtime-down", detail: asReported("The runtime does not answer.") },
      { kind: "explains", reason: "The runtime does not answer." },
    ],
    ["running", { state: "starting" }, { kind: "explains", reason: "The container is being started again." }],
    [
      "running",
      { state: "failed", problem: "exited", detail: asReported("exit 1") },
      becomes("error", "exit 1"),
    ],
    [
      "running",
      { state: "stopped", problem: "storage-exceeded", detail: asReported("over 1 GiB") },
      becomes("error", "over 1 GiB"),
    ],
    ["stopping", { state: "ready" }, { kind: "stays" }],
    ["stopping", { state: "stopped", stopOrderedBy: "customer" }, becomes("stopped")],
    [
      "stopping",
      { state: "failed", problem: "exited", stopOrderedBy: "account" },
      becomes("stopped", "Stopped because the account ran out of money."),
    ],
    ["restarting", { state: "ready" }, becomes("running")],
    ["error", { state: "stopped", stopOrderedBy: "customer" }, becomes("stopped")],
    ["error", { state: "stopped", stopOrderedBy: "control-plane" }, { kind: "stays" }],
    ["error", { state: "ready", stopOrderedBy: "customer" }, { kind: "stays" }],
    ["queued", { state: "ready" }, { kind: "stays" }],
    ["stopped", { state: "ready" }, { kind: "stays" }],
    ["deleting", { state: "stopped" }, { kind: "stays" }],
  ])("%s, reported %o", (status, change, transition) => {
    expect(inWords(afterReport(status, report(change)))).toEqual(transition);
  });
});

describe("deadlines", () => {
  test.each(ENVIRONMENT_STATUSES)(
    "%s: has a limit and a sentence exactly where it waits for a host",
    (status) => {
      const waitsForHost = status.endsWith("ing") && status !== "running";

      expect(limitMs(status) !== null).toBe(waitsForHost);
      const reason = waitsFor(status, "h1");
      expect(reason !== null && inEnglish(reason).includes("Host h1")).toBe(waitsForHost);
      expect(afterDeadline(status, "h1") !== null).toBe(waitsForHost);
    },
  );

  test("a start that takes too long is an error, and the host is ordered to stop it", () => {
    expect(afterDeadline("creating", "h1")).toMatchObject({ status: "error", stops: true });
    expect(afterDeadline("restarting", "h1")).toMatchObject({ status: "error", stops: true });
  });

  test("an unconfirmed stop is an error and an unconfirmed deletion goes on, both with a sentence", () => {
    expect(afterDeadline("stopping", "h1")).toEqual({
      status: "error",
      reason: { code: "environment-stop-overdue", params: { host_name: "h1", minutes: 10 } },
      stops: false,
    });
    expect(afterDeadline("deleting", "h1")?.status).toBe("deleting");
  });
});

describe("whatever is requested, reported and missed, in any order", () => {
  type Happening =
    | { kind: "request"; request: EnvironmentRequest }
    | { kind: "placed" }
    | { kind: "report"; report: InstanceReport }
    | { kind: "deadline" };
  const reported = fc.record<Omit<InstanceReport, "detail" | "stopReason">>({
    rank: fc.constant(0),
    exitCode: fc.constantFrom(null, 0, 1),
    state: fc.constantFrom("starting", "ready", "stopping", "stopped", "failed"),
    problem: fc.constantFrom(null, "exited", "mount-missing", "gpu-failed", "start-refused"),
    stopOrderedBy: fc.constantFrom(null, "customer", "admin", "account", "control-plane", "limit"),
    isBehind: fc.boolean(),
  });
  const report = fc.tuple(reported, fc.boolean()).map(([one, says]): InstanceReport => ({
    ...one,
    detail: says ? asReported("It says so.") : null,
    stopReason: null,
  }));
  const happening = fc.oneof<fc.Arbitrary<Happening>[]>(
    fc.record({
      kind: fc.constant("request" as const),
      request: fc.constantFrom("start", "stop", "restart", "delete"),
    }),
    fc.constant({ kind: "placed" as const }),
    fc.record({ kind: fc.constant("report" as const), report }),
    fc.constant({ kind: "deadline" as const }),
  );
  const next = (status: EnvironmentStatus, what: Happening): EnvironmentStatus => {
    switch (what.kind) {
      case "request": {
        const verdict = afterRequest(status, what.request);
        return verdict.legal ? verdict.status : status;
      }
      case "placed":
        return status === "queued" ? "creating" : status;
      case "report": {
        const transition = afterReport(status, what.report);
        if (transition.kind === "becomes") return transition.status;
        return transition.kind === "skips-pool" || transition.kind === "places-anew" ? "queued" : status;
      }
      case "deadline":
        return afterDeadline(status, "host-1")?.status ?? status;
    }
  };
  const histories = fc.array(happening, { maxLength: 40 });
  const after = (history: readonly Happening[]) =>
    history.reduce<EnvironmentStatus>((status, what) => next(status, what), "queued");

  test("what ends in -ing has a deadline and names what it waits for, and nothing else waits for a host", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const status = after(history);

        const isWaitingForHost = ["creating", "stopping", "restarting", "deleting"].includes(status);
        expect(limitMs(status) !== null).toBe(isWaitingForHost);
        expect(waitsFor(status, "host-1") === null).toBe(["running", "stopped", "error"].includes(status));
      }),
    );
  });

  test("nothing but its removal comes after a deletion", () => {
    fc.assert(
      fc.property(histories, histories, (before, later) => {
        const status = after([...before, { kind: "request", request: "delete" }, ...later]);

        expect(status).toBe("deleting");
      }),
    );
  });

  test("a host that never answers leaves it in no -ing but deleting once its deadlines are over", () => {
    fc.assert(
      fc.property(histories, (history) => {
        const status = next(next(after(history), { kind: "deadline" }), { kind: "deadline" });

        expect(["queued", "running", "stopped", "error", "deleting"]).toContain(status);
      }),
    );
  });

  test("a report never starts what was stopped, and a stop that a person ordered is never undone by one", () => {
    fc.assert(
      fc.property(histories, fc.array(report, { maxLength: 10 }), (history, reports) => {
        const stopped = next(after(history), { kind: "request", request: "stop" });
        fc.pre(stopped === "stopping" || stopped === "stopped");

        const status = reports.reduce<EnvironmentStatus>(
          (now, reported) => next(now, { kind: "report", report: reported }),
          stopped,
        );

        expect(["stopping", "stopped"]).toContain(status);
      }),
    );
  });
});
