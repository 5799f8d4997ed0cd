/** What of the book of access a report has. */
import { expect, test } from "vitest";
import { MAX_ATTEMPTS, type AccessAttempts, type AccessSession } from "@remotegpu/shared/instance/ssh-access";
import {
  sessionsToReport,
  MAX_REPORTED_ENDED,
  MAX_REPORTED_SESSIONS,
} from "@remotegpu/agent/core/access/sessions-to-report";

const at = (index: number) => new Date(index * 1_000).toISOString();
const session = (index: number, isOver: boolean): AccessSession =>
  ({
    sessionId: `s-${index}`,
    openedAt: at(index),
    ended: isOver ? { at: at(index), by: "client", detail: "" } : null,
  }) as AccessSession;
const some = (count: number, isOver: boolean) =>
  Array.from({ length: count }, (_, index) => session(index, isOver)).toReversed();

test("all of a small book, in the order of time", () => {
  const reported = sessionsToReport({ open: some(2, false), ended: some(2, true), attempts: [] });

  expect(reported.sessions.map(({ sessionId, ended }) => [sessionId, ended !== null])).toEqual([
    ["s-0", true],
    ["s-1", true],
    ["s-0", false],
    ["s-1", false],
  ]);
  expect(reported.isWhole).toBe(true);
});

test("of a large one the oldest, of either kind, and it is marked as not all that are open", () => {
  const many = MAX_REPORTED_SESSIONS + 1;
  const reported = sessionsToReport({ open: some(many, false), ended: some(many, true), attempts: [] });

  expect(reported.sessions).toHaveLength(MAX_REPORTED_SESSIONS);
  expect(reported.sessions.filter(({ ended }) => ended !== null)).toHaveLength(MAX_REPORTED_ENDED);
  expect(reported.sessions[0]?.sessionId).toBe("s-0");
  expect(reported.isWhole).toBe(false);
});

test("open ones that just fit are all", () => {
  expect(
    sessionsToReport({ open: some(MAX_REPORTED_SESSIONS, false), ended: [], attempts: [] }).isWhole,
  ).toBe(true);
});

test("attempts, the oldest first", () => {
  const attempts = Array.from({ length: MAX_ATTEMPTS + 1 }, (_, index) => ({ firstAt: at(index) }));

  const reported = sessionsToReport({
    open: [],
    ended: [],
    attempts: attempts.toReversed() as AccessAttempts[],
  });

  expect(reported.attempts.map(({ firstAt }) => firstAt)).toEqual(
    attempts.slice(0, MAX_ATTEMPTS).map(({ firstAt }) => firstAt),
  );
});
