import { describe, expect, test } from "vitest";
import { TRAINING_JOB_STATUSES, type TrainingJobStatus } from "@remotegpu/shared/values/workload";
import {
  afterCancel,
  afterDeadline,
  afterReports,
  afterRetry,
  ENDED,
  limitMs,
} from "@remotegpu/control-plane/server/core/training/job-status";
import type { Failure, InstanceReport } from "@remotegpu/control-plane/server/core/instances/instance-report";
import { aRankState } from "../../../../../support/samples/a-rank-state.ts";
import { anInstanceReport as report } from "../../../../../support/samples/reports/an-instance-report.ts";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";

const A_SENTENCE: unknown = expect.stringMatching(/^[A-Z].*\.$/);
const fails = (by: Failure["by"], reason: unknown) => ({
  kind: "fails",
  failure: { by, reason, ranks: [0] },
});
const DONE = { state: "stopped", exitCode: 0 } as const;

const named = (status: TrainingJobStatus) => ({ code: `status-${status}`, params: {} });
const already = (status: TrainingJobStatus) => ({ code: "job-already", params: { status: named(status) } });
const REFUSED: Partial<Record<TrainingJobStatus, unknown>> = {
  stopping: "job-already-stopping",
  completed: already("completed"),
  failed: already("failed"),
  cancelled: already("cancelled"),
};

describe("a cancellation", () => {
  test.each<[TrainingJobStatus, boolean, TrainingJobStatus | null]>([
    ["pending", false, "cancelled"],
    ["queued", false, "cancelled"],
    ["queued", true, "stopping"],
    ["running", true, "stopping"],
    ["stopping", true, null],
    ["completed", false, null],
    ["failed", false, null],
    ["cancelled", false, null],
  ])("of a %s job (placed: %s) that was cancelled before → %s", (status, isPlaced, next) => {
    expect(afterCancel(status, { isPlaced, isCancelled: true })).toEqual(
      next === null ? { legal: false, why: REFUSED[status] } : { legal: true, status: next },
    );
  });
});

test("one that stops because it failed can be cancelled, so that it is not tried again", () => {
  expect(afterCancel("stopping", { isPlaced: true, isCancelled: false })).toEqual({
    legal: true,
    status: "stopping",
  });
});

test.each(TRAINING_JOB_STATUSES)("one that is %s is tried again by hand once it has ended", (status) => {
  expect(afterRetry(status)).toEqual(
    ENDED.includes(status)
      ? { legal: true, status: "queued" }
      : { legal: false, why: { code: "job-not-ended", params: { status: named(status) } } },
  );
});

describe("reports of one rank", () => {
  test.each<[string, TrainingJobStatus, Partial<InstanceReport>, object]>([
    ["has nothing to say yet", "queued", { state: "placed" }, { kind: "explains", reason: null }],
    [
      "fetches its image",
      "queued",
      { state: "starting", detail: asReported("Fetching the image.") },
      { kind: "explains", reason: "Fetching the image." },
    ],
    ["runs", "queued", { state: "ready" }, { kind: "becomes", status: "running", reason: null }],
    [
      "ended before anybody saw it run",
      "queued",
      DONE,
      { kind: "becomes", status: "completed", reason: null },
    ],
    ["runs on", "running", { state: "ready" }, { kind: "explains", reason: null }],
    ["ended with 0", "running", DONE, { kind: "becomes", status: "completed", reason: null }],
    [
      "ended with 0, in its agent's words",
      "running",
      { ...DONE, problem: "exited", detail: asReported("The container ended by itself with exit code 0.") },
      { kind: "becomes", status: "completed", reason: null },
    ],
    [
      "ended with 3",
      "running",
      { state: "failed", exitCode: 3, problem: "exited" },
      fails("program", "The command ended with exit code 3."),
    ],
    [
      "used up its memory",
      "running",
      { state: "failed", exitCode: 137, problem: "out-of-memory", detail: asReported("No memory.") },
      fails("program", "No memory."),
    ],
    [
      "has no image on its host",
      "queued",
      { state: "failed", problem: "image-missing", detail: asReported("No image.") },
      fails("infrastructure", "No image."),
    ],
    [
      "is gone from its host",
      "running",
      { state: "failed", problem: "container-lost", detail: asReported("Gone.") },
      fails("infrastructure", "Gone."),
    ],
    [
      "lost its card",
      "running",
      { state: "failed", problem: "gpu-failed", detail: asReported("GPU 0 failed.") },
      fails("infrastructure", "GPU 0 failed."),
    ],
    [
      "failed by its program on a card with a sign of failure",
      "running",
      {
        state: "failed",
        problem: "exited",
        exitCode: 1,
        detail: asReported("Exit code 1."),
        cardFault: {
          uuid: "GPU-1",
          code: "gpu-lost",
          reason: "Lost.",
          why: null,
          isSign: true,
          isFatal: false,
        },
      },
      fails(
        "infrastructure",
        "Exit code 1. Its GPU-1 showed a sign of failure as it ended: Lost (gpu-lost). Nothing after the card's last good reading is charged.",
      ),
    ],
    [
      "went over its memory on such a card",
      "running",
      {
        state: "failed",
        problem: "out-of-memory",
        detail: asReported("Out of memory."),
        cardFault: { uuid: "GPU-1", code: null, reason: "Lost.", why: null, isSign: true, isFatal: false },
      },
      fails("program", expect.stringContaining("Out of memory.")),
    ],
    [
      "is on a host that was declared lost",
      "running",
      { state: "lost" },
      fails("infrastructure", A_SENTENCE),
    ],
    [
      "finds a mount missing",
      "queued",
      { state: "failed", problem: "mount-missing", detail: asReported("No such folder.") },
      { kind: "skips-pool", reason: "No such folder." },
    ],
    [
      "was placed before what its host knows",
      "queued",
      { state: "failed", isBehind: true, detail: asReported("Older.") },
      { kind: "places-anew", reason: "Older." },
    ],
    [
      "was cancelled",
      "stopping",
      { state: "stopped", exitCode: 143, stopOrderedBy: "customer" },
      { kind: "becomes", status: "cancelled", reason: null },
    ],
    [
      "ended by itself while the order was on its way",
      "stopping",
      { ...DONE, stopOrderedBy: "customer" },
      { kind: "becomes", status: "cancelled", reason: null },
    ],
    [
      "ran for too long",
      "stopping",
      {
        state: "stopped",
        exitCode: 143,
        stopOrderedBy: "limit",
        stopReason: asReported("It has run for its minutes."),
      },
      fails("order", "It has run for its minutes."),
    ],
    [
      "belongs to an account without money",
      "stopping",
      { state: "stopped", exitCode: 137, stopOrderedBy: "account" },
      fails("order", "Stopped because the account ran out of money."),
    ],
    [
      "is on a host that is emptied",
      "stopping",
      {
        state: "stopped",
        exitCode: 143,
        stopOrderedBy: "admin",
        stopReason: asReported("Host h1 is emptied."),
      },
      fails("infrastructure", "Host h1 is emptied."),
    ],
    [
      "was not running in time",
      "stopping",
      { state: "stopped", stopOrderedBy: "control-plane", stopReason: asReported("Not in time.") },
      fails("infrastructure", "Not in time."),
    ],
    ["still stops", "stopping", { state: "stopping" }, { kind: "stays" }],
  ])("one that %s", (_what, status, change, transition) => {
    expect(inWords(afterReports(status, [report(change)]))).toEqual(transition);
  });

  test.each(ENDED)("change nothing of a %s job", (status) => {
    expect(inWords(afterReports(status, [report({ state: "ready" })]))).toEqual({ kind: "stays" });
  });
});

describe("reports of several ranks", () => {
  test("it runs when all do", () => {
    expect(inWords(afterReports("queued", [report(), report({ rank: 1, state: "starting" })]))).toEqual({
      kind: "explains",
      reason: null,
    });
    expect(inWords(afterReports("queued", [report(), report({ rank: 1 })]))).toMatchObject({
      status: "running",
    });
  });

  test("one that fails stops the others, and names itself", () => {
    const failed = report({ rank: 1, state: "failed", exitCode: 2, problem: "exited" });

    expect(inWords(afterReports("running", [report(), failed]))).toEqual({
      kind: "becomes",
      status: "stopping",
      reason: "Rank 1: The command ended with exit code 2.",
    });
  });

  test("the failure that stopped the others is what is reported in the end", () => {
    const failed = report({ rank: 1, state: "failed", exitCode: 2, problem: "exited" });
    const stopped = report({ state: "stopped", exitCode: 143, stopOrderedBy: "control-plane" });

    expect(inWords(afterReports("stopping", [stopped, failed]))).toEqual({
      kind: "fails",
      failure: { by: "program", reason: "Rank 1: The command ended with exit code 2.", ranks: [1] },
    });
  });

  test("it is completed when the last one has ended with 0", () => {
    expect(inWords(afterReports("running", [report(DONE), report({ rank: 1 })]))).toMatchObject({
      kind: "explains",
    });
    expect(inWords(afterReports("running", [report(DONE), report({ rank: 1, ...DONE })]))).toMatchObject({
      status: "completed",
    });
  });

  test("what a waiting one reports is passed on with its rank", () => {
    const fetching = report({ rank: 1, state: "starting", detail: asReported("Fetching the image.") });

    expect(inWords(afterReports("queued", [report(), fetching]))).toEqual({
      kind: "explains",
      reason: "Rank 1: Fetching the image.",
    });
  });
});

describe("reports of ranks of which the others follow the first", () => {
  const rank = (at: number, change: Partial<InstanceReport> = {}) =>
    report({
      rank: at,
      ...change,
      gang: aRankState({ rank: at, ranks: 3 }, { follows: at > 0, releasedForMs: 60_000 }),
    });
  const gang = (...changes: Partial<InstanceReport>[]) => changes.map((change, at) => rank(at, change));
  const STOPPED = { state: "stopped", exitCode: 143, stopOrderedBy: "control-plane" } as const;

  test("end with that one, whose end is the job's", () => {
    expect(inWords(afterReports("running", gang(DONE, {}, {})))).toEqual({
      kind: "becomes",
      status: "stopping",
      reason: "Rank 0 has ended; the others end with it.",
    });
    expect(inWords(afterReports("stopping", gang(DONE, STOPPED, { state: "stopping" })))).toEqual({
      kind: "stays",
    });
    expect(inWords(afterReports("stopping", gang(DONE, STOPPED, { state: "lost" })))).toEqual({
      kind: "becomes",
      status: "completed",
      reason: null,
    });
  });

  test("do not end before it was seen that all ran", () => {
    expect(inWords(afterReports("queued", gang(DONE, {}, {})))).toMatchObject({ status: "running" });
  });

  test("are of a job that has that one's failure", () => {
    const failed = { state: "failed", exitCode: 7, problem: "exited" } as const;

    expect(inWords(afterReports("running", gang(failed, {}, {})))).toMatchObject({ status: "stopping" });
    expect(inWords(afterReports("stopping", gang(failed, STOPPED, STOPPED)))).toEqual({
      kind: "fails",
      failure: { by: "program", reason: "The command ended with exit code 7.", ranks: [0] },
    });
  });

  test("break it when one of them ends before, also with 0", () => {
    expect(inWords(afterReports("running", gang({}, DONE, {})))).toEqual({
      kind: "becomes",
      status: "stopping",
      reason: "Rank 1: The command ended with exit code 0.",
    });
    expect(inWords(afterReports("stopping", gang(STOPPED, DONE, STOPPED)))).toEqual({
      kind: "fails",
      failure: { by: "program", reason: "Rank 1: The command ended with exit code 0.", ranks: [1] },
    });
  });

  test("that somebody cancels are cancelled", () => {
    const cancelled = { ...STOPPED, stopOrderedBy: "customer" } as const;

    expect(inWords(afterReports("stopping", gang(cancelled, cancelled, cancelled)))).toMatchObject({
      status: "cancelled",
    });
  });
});

describe("deadlines", () => {
  test("a job whose own limit has passed is stopped by that limit", () => {
    expect(afterDeadline("running", "h1")).toMatchObject({ status: "stopping", stops: true, by: "limit" });
  });

  test("one that its hosts do not get running is stopped", () => {
    expect(afterDeadline("queued", "h1")).toMatchObject({
      status: "stopping",
      stops: true,
      reason: { code: "job-start-overdue", params: { host_name: "h1", minutes: 30 } },
    });
  });

  test("a stop that nobody confirms goes on", () => {
    expect(afterDeadline("stopping", "h1")).toMatchObject({
      status: "stopping",
      stops: false,
      reason: { code: "stop-overdue", params: { host_name: "h1" } },
    });
  });

  test("one that paused before its next attempt waits for a place", () => {
    expect(afterDeadline("pending", "h1")).toEqual({
      status: "queued",
      reason: { code: "waiting-for-place", params: {} },
      stops: false,
    });
  });

  test("only what stops has a limit of its own", () => {
    expect(TRAINING_JOB_STATUSES.filter((status) => limitMs(status) !== null)).toEqual(["stopping"]);
  });
});
