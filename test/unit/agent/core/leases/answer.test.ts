/** When a service is checked, and what is reported of it. */
import { describe, expect, test } from "vitest";
import {
  afterCheck,
  isSameAnswer,
  LONGEST_BACKOFF_MS,
  type CheckResult,
  backoffMs,
  SEEN_BACKOFF_MS,
  UNWATCHED,
  type Watch,
} from "@remotegpu/agent/core/leases/answer";

const SSH = { watched: { service: "ssh", internalPort: 2022 }, exhaustion: null } as const;
const after = (checks: readonly CheckResult[], from: Watch = UNWATCHED) =>
  checks.reduce((watch, check) => afterCheck(watch, check, SSH), from);

describe("what is reported", () => {
  test.each([
    ["nothing before a check", [], null],
    ["that somebody answers", ["answers"], { isSeen: true, detail: "" }],
    [
      "that nobody listens",
      ["closed"],
      {
        isSeen: false,
        detail: "Nobody listens on port 2022 in the container.",
        reason: { code: "service-port-closed", params: { port: 2022 } },
      },
    ],
    [
      "that something else listens",
      ["mute"],
      {
        isSeen: false,
        detail: "What listens on port 2022 in the container does not answer as a server of SSH.",
        reason: { code: "service-port-without-ssh", params: { port: 2022 } },
      },
    ],
    [
      "that sessions end where the server answers and has no memory for them",
      ["answers", "cramped"],
      {
        isSeen: false,
        detail: "The kernel ends what a session begins.",
        reason: { code: "service-sessions-killed", params: {} },
      },
    ],
    ["nothing where nothing could be seen", ["unknown"], null],
    [
      "what was known, where nothing could be seen since",
      ["answers", "unknown"],
      { isSeen: true, detail: "" },
    ],
    [
      "that nobody answers any more",
      ["answers", "closed"],
      {
        isSeen: false,
        detail: "Nobody listens on port 2022 in the container.",
        reason: { code: "service-port-closed", params: { port: 2022 } },
      },
    ],
  ] as [string, CheckResult[], object | null][])("%s", (_what, checks, answer) => {
    expect(after(checks).answer).toEqual(answer);
  });

  test("what the container has used up comes first, and all of it fits", () => {
    const exhaustion = { code: "container-processes-used-up", params: { max_processes: 512 } } as const;

    const { answer } = afterCheck(UNWATCHED, "mute", { ...SSH, exhaustion });

    expect(answer?.detail).toMatch(
      /^The container has used up the 512 processes that it may have\. What listens/,
    );
    expect(answer?.detail.length).toBeLessThanOrEqual(200);
    expect(answer?.reason).toEqual({
      code: "in-sequence",
      params: { reasons: [exhaustion, { code: "service-port-without-ssh", params: { port: 2022 } }] },
    });
  });

  test("the same is reported once", () => {
    const [once, twice] = [after(["closed"]), after(["closed", "closed"])];

    expect(isSameAnswer(once.answer, twice.answer)).toBe(true);
    expect(isSameAnswer(once.answer, after(["mute"]).answer)).toBe(false);
    expect(isSameAnswer(null, once.answer)).toBe(false);
  });
});

describe("the back-off between checks", () => {
  test("is short at first, grows, and has a bound", () => {
    const backoffs = Array.from({ length: 12 }, (_, at) =>
      backoffMs(after(Array<CheckResult>(at + 1).fill("closed"))),
    );

    expect(backoffs.slice(0, 4)).toEqual([250, 500, 1_000, 2_000]);
    expect(backoffs.at(-1)).toBe(LONGEST_BACKOFF_MS);
  });

  test("is long once somebody was seen, and short again when nobody is", () => {
    expect(backoffMs(after(["closed", "closed", "answers"]))).toBe(SEEN_BACKOFF_MS);
    expect(backoffMs(after(["answers", "closed"]))).toBe(250);
    expect(backoffMs(after(["answers", "unknown"]))).toBe(250);
    expect(backoffMs(after(["answers", "cramped"]))).toBe(250);
  });
});
