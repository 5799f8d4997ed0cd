/** What an account's state allows and when it changes. */
import {
  type Account,
  fundsOf,
  isDueForSuspension,
  mayStart,
  type OverdueStatus,
  statusAfterPosting,
} from "@remotegpu/control-plane/server/core/accounts/account-state";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

const NORMAL = { status: "normal", balance: 100n, creditLimit: 0n } as const;

describe("after a posting", () => {
  test.each([
    {
      name: "a charge that leaves something",
      status: "normal",
      balance: 1n,
      change: -5n,
      expected: "normal",
    },
    { name: "a charge to exactly zero", status: "normal", balance: 0n, change: -5n, expected: "overdue" },
    { name: "a charge below zero", status: "normal", balance: -1n, change: -5n, expected: "overdue" },
    { name: "no posting that takes money", status: "normal", balance: 0n, change: 0n, expected: "normal" },
    {
      name: "a charge of a suspended account",
      status: "suspended",
      balance: -9n,
      change: -5n,
      expected: "suspended",
    },
    {
      name: "a top-up that is too small",
      status: "suspended",
      balance: 0n,
      change: 5n,
      expected: "suspended",
    },
    { name: "a top-up above zero", status: "suspended", balance: 1n, change: 5n, expected: "normal" },
    { name: "a refund above zero", status: "overdue", balance: 1n, change: 5n, expected: "normal" },
  ] as const)("$name: $expected", ({ status, balance, change, expected }) => {
    expect(statusAfterPosting({ status, balance, creditLimit: 0n }, change)).toBe(expected);
  });

  test("a credit limit moves zero down", () => {
    const account = { status: "normal", creditLimit: 10n } as const;

    expect(statusAfterPosting({ ...account, balance: -9n }, -1n)).toBe("normal");
    expect(statusAfterPosting({ ...account, balance: -10n }, -1n)).toBe("overdue");
  });
});

describe("suspension", () => {
  const overdue = { status: "overdue", balance: 0n, creditLimit: 0n, overdueSinceMs: 1000 } as const;

  test.each([
    { name: "at the very hour it became overdue", account: overdue, hourMs: 1000, expected: false },
    { name: "at a later hour", account: overdue, hourMs: 1001, expected: true },
    { name: "with money again", account: { ...overdue, balance: 1n }, hourMs: 1001, expected: false },
    {
      name: "already suspended",
      account: { ...overdue, status: "suspended" },
      hourMs: 1001,
      expected: false,
    },
    {
      name: "with no moment known",
      account: { ...overdue, overdueSinceMs: null },
      hourMs: 1001,
      expected: false,
    },
  ] as const)("$name: $expected", ({ account, hourMs, expected }) => {
    expect(isDueForSuspension(account, hourMs)).toBe(expected);
  });
});

describe("the start rule", () => {
  const request = { ...NORMAL, minStartMinutes: 60, hourlyOfAllRunningAndPlacing: 100n };

  test.each([
    { name: "just enough for the minutes", change: {}, expected: true },
    { name: "one too little", change: { balance: 99n }, expected: "too-little-balance" },
    {
      name: "half the minutes need half the money",
      change: { balance: 50n, minStartMinutes: 30 },
      expected: true,
    },
    {
      name: "zero balance, even for free things",
      change: { balance: 0n, hourlyOfAllRunningAndPlacing: 0n },
      expected: "no-balance",
    },
    {
      name: "no minutes asked for, a balance of one",
      change: { balance: 1n, minStartMinutes: 0 },
      expected: true,
    },
    { name: "overdue with money", change: { status: "overdue" }, expected: "overdue" },
    { name: "suspended with money", change: { status: "suspended" }, expected: "suspended" },
    {
      name: "the credit limit counts as money",
      change: { balance: -50n, creditLimit: 150n },
      expected: true,
    },
    {
      name: "the credit limit is used up",
      change: { balance: -50n, creditLimit: 50n },
      expected: "no-balance",
    },
  ] as const)("$name: $expected", ({ change, expected }) => {
    const decision = mayStart({ ...request, ...change });

    expect(decision.allowed || decision.reason).toBe(expected);
  });
});

describe("whatever is posted, in any order", () => {
  type Step =
    | { kind: "charge" | "top-up"; amount: bigint }
    | { kind: "limit"; amount: bigint }
    /** As many milliseconds until the next step; full hours in between are ticked. */
    | { kind: "wait"; ms: number };

  const HOUR = 3_600_000;
  const amount = fc.oneof(fc.constant(1n), fc.bigInt({ min: 1n, max: 50n }));
  const steps: fc.Arbitrary<Step[]> = fc.array(
    fc.oneof(
      fc.record({ kind: fc.constantFrom("charge" as const, "top-up" as const), amount }),
      fc.record({ kind: fc.constant("limit" as const), amount: fc.bigInt({ min: 0n, max: 30n }) }),
      fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, HOUR / 2, HOUR, 3 * HOUR) }),
    ),
    { minLength: 1, maxLength: 60 },
  );

  interface Seen {
    account: Account;
    wasCharged: boolean;
  }
  interface Story {
    /** After each step and each hour. */
    seen: Seen[];
    suspensions: { account: Account; hourMs: number; overdueSinceMs: number }[];
  }

  function play(history: readonly Step[]): Story {
    const story: Story = { seen: [], suspensions: [] };
    let account: Account = { status: "normal", balance: 0n, creditLimit: 0n };
    let overdueSinceMs: number | null = null;
    let nowMs = 0;
    let wasCharged = false;
    const become = (status: OverdueStatus) => {
      if (status === "overdue" && account.status !== "overdue") overdueSinceMs = nowMs;
      if (status === "normal") overdueSinceMs = null;
      account = { ...account, status };
    };
    const post = (change: bigint) => {
      account = { ...account, balance: account.balance + change };
      become(statusAfterPosting(account, change));
    };
    const tick = (hourMs: number) => {
      nowMs = hourMs;
      if (!isDueForSuspension({ ...account, overdueSinceMs }, hourMs)) return;
      story.suspensions.push({ account, hourMs, overdueSinceMs: overdueSinceMs ?? Infinity });
      become("suspended");
    };
    for (const step of history) {
      switch (step.kind) {
        case "charge":
          wasCharged = true;
          post(-step.amount);
          break;
        case "top-up":
          post(step.amount);
          break;
        case "limit":
          account = { ...account, creditLimit: step.amount };
          become(statusAfterPosting(account, 0n));
          break;
        case "wait": {
          const until = nowMs + step.ms;
          for (let hour = (Math.floor(nowMs / HOUR) + 1) * HOUR; hour <= until; hour += HOUR) {
            tick(hour);
            story.seen.push({ account, wasCharged });
          }
          nowMs = until;
        }
      }
      story.seen.push({ account, wasCharged });
    }
    return story;
  }

  /** So many that some hundred of them come to a suspension. */
  const numRuns = 1_000;
  const holds = (check: (story: Story) => void) =>
    fc.assert(
      fc.property(steps, (list) => check(play(list))),
      { numRuns },
    );

  test("with funds it is normal at once, and nothing is stopped", () => {
    holds(({ seen, suspensions }) => {
      expect(seen.filter(({ account }) => fundsOf(account) > 0n && account.status !== "normal")).toEqual([]);
      expect(suspensions.filter(({ account }) => fundsOf(account) > 0n)).toEqual([]);
    });
  });

  test("a suspension follows a full hour that began after the account became overdue, and only from there", () => {
    let suspended = 0;
    holds(({ suspensions }) => {
      suspended += suspensions.length;
      expect(suspensions.filter((one) => one.account.status !== "overdue")).toEqual([]);
      expect(suspensions.filter((one) => one.overdueSinceMs >= one.hourMs)).toEqual([]);
      // At the first such hour, not at a later one.
      expect(suspensions.filter((one) => one.hourMs - one.overdueSinceMs > HOUR)).toEqual([]);
    });
    expect(suspended).toBeGreaterThan(10);
  });

  test("whoever was never charged is never overdue, whatever the balance and the limit", () => {
    holds(({ seen }) => {
      const innocent = seen.filter(({ wasCharged }) => !wasCharged);
      expect(innocent.filter(({ account }) => account.status !== "normal")).toEqual([]);
    });
  });

  test("something starts only in a normal account with funds for it", () => {
    holds(({ seen }) => {
      const request = { minStartMinutes: 60, hourlyOfAllRunningAndPlacing: 7n };
      const started = seen.filter(({ account }) => mayStart({ ...account, ...request }).allowed);
      expect(started.filter(({ account }) => account.status !== "normal" || fundsOf(account) < 7n)).toEqual(
        [],
      );
    });
  });
});
