import { describe, expect, test } from "vitest";
import {
  MAX_ATTEMPTS,
  afterFailure,
  type RetryState,
} from "@remotegpu/control-plane/server/core/training/retries";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";

const state = ({
  attempt = 1,
  infrastructure = 0,
  program = 0,
  isCancelled = false,
  terms = { infrastructure: 3, program: 0 },
}: {
  attempt?: number;
  infrastructure?: number;
  program?: number;
  isCancelled?: boolean;
  terms?: RetryState["terms"];
} = {}): RetryState => ({
  tries: { attempt, infrastructureRetries: infrastructure, programRetries: program },
  terms,
  isCancelled,
  logRules: [],
});
const failed = (by: "infrastructure" | "program" | "order") => ({ by, reason: asReported("It broke.") });

describe("a failure of what it stands on", () => {
  test("is tried again at once, elsewhere", () => {
    expect(inWords(afterFailure(failed("infrastructure"), state()))).toEqual({
      to: "queued",
      reason: "It broke. Attempt 2 follows on another host (retry 1 of 3).",
      next: {
        tries: { attempt: 2, infrastructureRetries: 1, programRetries: 0 },
        pauseMs: 0,
        avoidsHosts: true,
      },
    });
  });

  test("is reported as the last one once the tries are used up", () => {
    expect(inWords(afterFailure(failed("infrastructure"), state({ attempt: 4, infrastructure: 3 })))).toEqual(
      {
        to: "failed",
        reason: "It broke. It was attempt 4, and the last.",
        next: null,
        isUsedUp: true,
      },
    );
  });
});

describe("a failure of its own program", () => {
  const terms = { infrastructure: 3, program: 12 };

  test("is the end where nobody requested more", () => {
    expect(inWords(afterFailure(failed("program"), state()))).toEqual({
      to: "failed",
      reason: "It broke.",
      next: null,
    });
  });

  test.each([
    [0, 10 * MS_PER_SECOND],
    [1, 20 * MS_PER_SECOND],
    [3, 80 * MS_PER_SECOND],
    [11, 10 * MS_PER_MINUTE],
  ])("after %d retries is tried again after a pause of %d ms, anywhere", (program, pauseMs) => {
    const attempt = program + 1;

    expect(inWords(afterFailure(failed("program"), state({ attempt, program, terms })))).toMatchObject({
      to: "pending",
      next: {
        tries: { attempt: attempt + 1, infrastructureRetries: 0, programRetries: program + 1 },
        pauseMs,
        avoidsHosts: false,
      },
    });
  });

  test("does not use up the tries of the other kind", () => {
    const before = state({ attempt: 3, infrastructure: 2, terms });

    expect(afterFailure(failed("program"), before).next?.tries).toEqual({
      attempt: 4,
      infrastructureRetries: 2,
      programRetries: 1,
    });
  });
});

test("an order is nobody's failure, and nothing follows it", () => {
  expect(inWords(afterFailure(failed("order"), state()))).toMatchObject({ to: "failed", next: null });
});

test("whatever is allowed, there are so many attempts and no more", () => {
  const terms = { infrastructure: 19, program: 19 };

  expect(afterFailure(failed("infrastructure"), state({ attempt: MAX_ATTEMPTS - 1, terms })).to).toBe(
    "queued",
  );
  expect(afterFailure(failed("infrastructure"), state({ attempt: MAX_ATTEMPTS, terms })).to).toBe("failed");
});

test("what was cancelled meanwhile is cancelled, with what it failed of", () => {
  expect(inWords(afterFailure(failed("infrastructure"), state({ isCancelled: true })))).toEqual({
    to: "cancelled",
    reason: "It broke.",
    next: null,
  });
});

describe("what the output means by a log rule", () => {
  const rule = (action: "avoid_host" | "do_not_retry") => ({ name: "bad card", text: "ECC", action });

  test("of a mistake ends it, whatever is allowed", () => {
    const terms = { infrastructure: 3, program: 5 };

    for (const by of ["infrastructure", "program"] as const)
      expect(inWords(afterFailure(failed(by), state({ terms }), { rule: rule("do_not_retry") }))).toEqual({
        to: "failed",
        reason: 'It broke. By its log rule "bad card" it is not tried again.',
        next: null,
      });
  });

  test("of its host has its own failure tried elsewhere, as one of the host", () => {
    expect(inWords(afterFailure(failed("program"), state(), { rule: rule("avoid_host") }))).toEqual({
      to: "queued",
      reason:
        'It broke. By its log rule "bad card" the host is avoided. Attempt 2 follows on another host (retry 1 of 3).',
      next: {
        tries: { attempt: 2, infrastructureRetries: 1, programRetries: 0 },
        pauseMs: 0,
        avoidsHosts: true,
      },
    });
    const spent = state({ attempt: 4, infrastructure: 3 });
    expect(inWords(afterFailure(failed("program"), spent, { rule: rule("avoid_host") }))).toMatchObject({
      to: "failed",
      next: null,
    });
  });

  test("is nothing to one that was cancelled", () => {
    expect(
      inWords(afterFailure(failed("program"), state({ isCancelled: true }), { rule: rule("avoid_host") })),
    ).toEqual({
      to: "cancelled",
      reason: "It broke.",
      next: null,
    });
  });
});

describe("an attempt that left something new", () => {
  const terms = { infrastructure: 2, program: 0 };
  const used = state({ attempt: 5, infrastructure: 2, terms });

  test.each([
    [5, 1],
    [4, 2],
  ])(
    "has the tries counted from it: the last was attempt %i, so that this is try %i",
    (gainedAt, retries) => {
      expect(inWords(afterFailure(failed("infrastructure"), used, { gainedAt }))).toMatchObject({
        to: "queued",
        reason: `It broke. Attempt 6 follows on another host (retry ${retries} of 2).`,
        next: { tries: { attempt: 6, infrastructureRetries: retries } },
      });
    },
  );

  test.each([3, 0])("too long ago changes nothing (attempt %i)", (gainedAt) => {
    expect(inWords(afterFailure(failed("infrastructure"), used, { gainedAt }))).toMatchObject({
      to: "failed",
      isUsedUp: true,
    });
  });

  test("never makes more of them than were used", () => {
    const second = state({ attempt: 9, infrastructure: 0, program: 8, terms });

    expect(
      afterFailure(failed("infrastructure"), second, { gainedAt: 0 }).next?.tries.infrastructureRetries,
    ).toBe(1);
  });

  test("changes nothing where none is allowed, at the last attempt of all, and by an order", () => {
    for (const before of [
      afterFailure(failed("program"), state({ attempt: 2 })),
      afterFailure(failed("infrastructure"), state({ attempt: MAX_ATTEMPTS, infrastructure: 9, terms })),
      afterFailure(failed("order"), used),
    ]) {
      expect(before.to).toBe("failed");
      expect(before.isUsedUp).toBeUndefined();
    }
  });
});
