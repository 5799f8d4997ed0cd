/** When an access process hands over to that of another bundle, and when one that has handed over ends. */
import { describe, expect, test } from "vitest";
import {
  MAX_DRAINING_MS,
  HandoverMoment,
  LEADERLESS,
  LEADERLESS_AT_MOST_MS,
  TOO_OLD,
  UNWATCHED_LEADERLESS_AT_MOST_MS,
  whyDrainingEnds,
} from "@remotegpu/agent/core/access/generations";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";

describe("a process of one bundle", () => {
  const begun = (own: string | null, reported: string | null) => {
    const turn = new HandoverMoment(own);
    turn.agentRunsFrom(reported);
    return turn;
  };

  test("hands over as soon as the agent runs from another one", () => {
    expect(begun("1.0.0-a", "1.0.0-b").dueFor(0)).toBe("1.0.0-b");
  });

  test.each([
    ["the same bundle", "1.0.0-a", "1.0.0-a"],
    ["an agent outside of any bundle", "1.0.0-a", null],
    ["a process outside of any bundle", null, "1.0.0-b"],
  ])("stays: %s", (_why, own, reported) => {
    expect(begun(own, reported).dueFor(0)).toBeNull();
  });

  test("tries again after a minute, then two, up to an hour, and at once for yet another bundle", () => {
    const turn = begun("1.0.0-a", "1.0.0-b");
    expect(turn.failed(0)).toEqual({ againInMs: MS_PER_MINUTE });
    turn.agentRunsFrom("1.0.0-b");
    expect(turn.dueFor(MS_PER_MINUTE - 1)).toBeNull();
    expect(turn.dueFor(MS_PER_MINUTE)).toBe("1.0.0-b");
    expect(turn.failed(0)).toEqual({ againInMs: 2 * MS_PER_MINUTE });
    for (let count = 0; count < 9; count += 1) turn.failed(0);
    expect(turn.failed(0)).toEqual({ againInMs: MS_PER_HOUR });

    turn.agentRunsFrom("1.0.0-c");

    expect(turn.dueFor(0)).toBe("1.0.0-c");
  });
});

test.each([
  [{ retiredForMs: 0, leaderlessForMs: 0, isUnderUnit: true }, null],
  [{ retiredForMs: MAX_DRAINING_MS - 1, leaderlessForMs: 0, isUnderUnit: true }, null],
  [{ retiredForMs: MAX_DRAINING_MS, leaderlessForMs: 0, isUnderUnit: true }, TOO_OLD],
  [{ retiredForMs: 0, leaderlessForMs: LEADERLESS_AT_MOST_MS - 1, isUnderUnit: true }, null],
  [{ retiredForMs: 0, leaderlessForMs: LEADERLESS_AT_MOST_MS, isUnderUnit: true }, LEADERLESS],
  [{ retiredForMs: 0, leaderlessForMs: UNWATCHED_LEADERLESS_AT_MOST_MS - 1, isUnderUnit: false }, null],
  [{ retiredForMs: 0, leaderlessForMs: UNWATCHED_LEADERLESS_AT_MOST_MS, isUnderUnit: false }, LEADERLESS],
])("of one that has handed over, %j ends by %j", (times, because) => {
  expect(whyDrainingEnds(times)).toBe(because);
});
