/** What the pages of jobs and services make of the API's answers: lanes, attempts, minutes, the line to copy. */
import {
  curlOf,
  errorShare,
  minutesOf,
  type Service,
  type Traffic,
} from "@remotegpu/dashboard/pages/inference/service";
import { type Job, lanesOf } from "@remotegpu/dashboard/pages/training/job/job";
import { describe, expect, test } from "vitest";

const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();

interface End {
  minute: number;
  exitCode: number;
}

function run(id: string, ordered: number, end: End | null) {
  return {
    id,
    ordered_at: at(ordered),
    first_proven_at: at(ordered + 1),
    closed_at: null,
    end: end && {
      told_at: at(end.minute),
      phase: end.exitCode === 0 ? "stopped" : "failed",
      problem: null,
      detail: "",
      exit_code: end.exitCode,
      out_of_memory: false,
      signal: null,
      tail: null,
    },
  };
}

/** The newest run stands first, as the API tells them. */
function rank(number: number, state: string, runs: ReturnType<typeof run>[]) {
  const { id = null } = runs[0] ?? {};
  return {
    rank: number,
    host_name: `h${number}`,
    state,
    problem: null,
    gang: null,
    run_id: id,
    placed_at: at(9),
    runs,
  };
}

function job(change: object): Job {
  return { status: "running", attempt: 2, created_at: at(0), ...change } as Job;
}

describe("the lanes of a job", () => {
  const first = [
    run("r0", 1, { minute: 5, exitCode: 143 }),
    run("r1", 1, { minute: 4, exitCode: 3 }),
  ] as const;

  test("have an attempt for each run, the oldest first, and mark the rank that failed first in it", () => {
    const lanes = lanesOf(
      job({
        instances: [
          rank(0, "ready", [run("s0", 8, null), first[0]]),
          rank(1, "ready", [run("s1", 8, null), first[1]]),
        ],
      }),
    );

    expect(
      lanes.map(({ attempts }) => attempts.map(({ number, isFirstToFail }) => [number, isFirstToFail])),
    ).toEqual([
      [
        [1, false],
        [2, false],
      ],
      [
        [1, true],
        [2, false],
      ],
    ]);
  });

  test("begin each attempt where the one before has ended", () => {
    const [lane] = lanesOf(job({ instances: [rank(0, "ready", [run("s0", 8, null), first[0]])] }));

    expect(lane?.attempts.map(({ stages }) => stages.map(({ name, at: when }) => [name, when]))).toEqual([
      [
        ["queued", at(0)],
        ["placed", at(1)],
        ["running", at(2)],
        ["ended", at(5)],
      ],
      [
        ["queued", at(5)],
        ["placed", at(9)],
        ["running", at(9)],
      ],
    ]);
  });

  test("count the attempt that is waited for when its number has gone up already", () => {
    const [lane] = lanesOf(job({ status: "queued", instances: [rank(0, "failed", [first[1]])] }));

    expect(lane?.attempts.map(({ number }) => number)).toEqual([1]);
  });

  test("mark nobody where every rank ended well", () => {
    const well = run("r0", 1, { minute: 5, exitCode: 0 });
    // As its host says it of whatever ends without having been stopped.
    Object.assign(well.end ?? {}, { problem: "exited" });
    const lanes = lanesOf(job({ attempt: 1, status: "completed", instances: [rank(0, "stopped", [well])] }));

    expect(lanes.flatMap(({ attempts }) => attempts.map(({ isFirstToFail }) => isFirstToFail))).toEqual([
      false,
    ]);
  });
});

describe("what a service answered", () => {
  const minute = {
    minute: at(1),
    requests: 120,
    status_5xx: 6,
    took: { p50_ms: 10, p95_ms: 20 },
    completion_tokens: null,
  };
  const reported = { items: [minute], start_time: at(0), end_time: at(3) } as unknown as Traffic;

  test("has 0 requests and no time in a minute in which nobody sent any, and no tokens where none are reported", () => {
    expect(minutesOf(reported)).toMatchObject({
      requestsPerSecond: [0, 2, 0],
      p95: [null, 20, null],
      errors: [0, 6, 0],
      tokensPerSecond: [null, null, null],
    });
  });

  test("has no share of errors where nobody sent requests", () => {
    const total = (requests: number, failed: number) =>
      ({ requests, status_5xx: failed }) as Traffic["total"];

    expect([errorShare(total(0, 0)), errorShare(total(4, 1))]).toEqual([null, 0.25]);
  });
});

describe("the line to copy", () => {
  const service = (change: object) =>
    ({
      endpoint_url: "https://gw/services/svc-1/",
      config: null,
      health_check_path: null,
      ...change,
    }) as unknown as Service;

  test.each([
    [{}, `curl -H "Authorization: Bearer $KEY" https://gw/services/svc-1/`],
    [{ config: { public: true }, health_check_path: "/health" }, "curl https://gw/services/svc-1/health"],
    [
      { config: { public: true }, health_check_path: "/a'$(b)" },
      `curl 'https://gw/services/svc-1/a'\\''$(b)'`,
    ],
    [{ endpoint_url: null }, null],
  ])("of %j is %s", (change, line) => {
    expect(curlOf(service(change))).toBe(line);
  });
});
