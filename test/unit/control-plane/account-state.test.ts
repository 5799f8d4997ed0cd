/** What an account's state allows and when it changes. */
import {
  hundredthHoursLeft,
  isDueForSuspension,
  mayStart,
  statusAfterPosting,
} from "@remotegpu/control-plane/core/account-state";
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

test.each([
  { funds: 100_000n, burn: 35_000n, expected: 285n },
  { funds: 100_000n, burn: 0n, expected: null },
  { funds: -1n, burn: 5n, expected: 0n },
])("hours left of $funds at $burn an hour, rounded down", ({ funds, burn, expected }) => {
  expect(hundredthHoursLeft(funds, burn)).toBe(expected);
});
