/** The book of access by itself: what of it is told and when, what is kept, and that a flood makes few reports. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SessionRegistry, MAX_ENTRIES } from "@remotegpu/agent/access/sessions/session-registry";
import { openLeaseStore, type LeaseStore } from "@remotegpu/agent/access/store/lease-store";
import type { RelayedSession } from "@remotegpu/agent/access/relay/relay-messages";
import type { Attempts } from "@remotegpu/agent/core/access/attempt-windows";
import { SessionReport } from "@remotegpu/agent/loop/session-report";
import type { InstanceId, LeaseId, RunId } from "@remotegpu/shared/values/ids";
import { AccessReport as ReportedSessions } from "@remotegpu/shared/instance/ssh-access";
import { MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { memoryLog, type MemoryLog } from "../../support/memory-log.ts";
import { heldLease } from "../../support/samples/lease-samples.ts";

const START_MS = Date.UTC(2026, 0, 1, 12, 0);
const LEASE = "lease-1" as LeaseId;
let folder: string;
let store: LeaseStore;
let nowMs: number;
let ids: number;
let log: MemoryLog;
let book: SessionRegistry;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rg-book-"));
  store = openLeaseStore(folder).store;
  nowMs = 0;
  ids = 0;
  log = memoryLog();
  book = newBook();
});
afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true, force: true });
});

function newBook(): SessionRegistry {
  return new SessionRegistry({
    store: store.book,
    leaseOf: (leaseId) => (leaseId === LEASE ? heldLease(LEASE, 20_001, { service: "ssh" }) : null),
    onOpen: () => undefined,
    clock: { monotonicMs: () => nowMs, wallMs: () => START_MS + nowMs },
    newId: () => `made-${String((ids += 1)).padStart(16, "0")}`,
    log,
  });
}

const session = (name: string, changes: Partial<RelayedSession> = {}): RelayedSession => ({
  sessionId: `session-${name}`.padEnd(16, "x"),
  leaseId: LEASE,
  instanceId: "ins-1" as InstanceId,
  runId: "run-1" as RunId,
  from: "198.51.100.4",
  openedWallMs: START_MS + nowMs,
  bytesIn: 10,
  bytesOut: 20,
  login: null,
  ended: null,
  ...changes,
});
const login = { method: "password", fingerprint: null, wallMs: START_MS } as const;
const over = { wallMs: START_MS, by: "client", detail: "" } as const;
const attempt = (from: string): Attempts => ({
  leaseId: LEASE,
  from,
  outcome: "no-login",
  count: 1,
  firstMs: START_MS + nowMs,
  lastMs: START_MS + nowMs,
});

/** Goes on second by second, as agent and control plane do; how many reports that makes. */
function reportsWithin(
  ms: number,
  each: () => void,
  onReport: (reported: ReportedSessions) => void = () => undefined,
): number {
  const once = new SessionReport();
  once.take(book.reported);
  let reports = 0;
  for (const untilMs = nowMs + ms; nowMs < untilMs; nowMs += 1_000) {
    each();
    book.tick();
    const { reported } = book;
    if (!once.take(reported)) continue;
    reports += 1;
    onReport(ReportedSessions.parse(reported));
    book.taken(once.overIn(reported));
  }
  return reports;
}

test("ten minutes of scans from a thousand addresses are two reports, in which all are counted", () => {
  let scans = 0;
  let counted = 0;
  const scan = () => {
    const from = `10.0.${scans % 4}.${(scans += 1) % 250}`;
    book.take("relay", { sessions: [], attempts: [attempt(from)] });
  };

  const reports = reportsWithin(
    10 * MS_PER_MINUTE + 1_000,
    () => Array.from({ length: 50 }).forEach(scan),
    ({ attempts }) => (counted += attempts.reduce((sum, { count }) => sum + count, 0)),
  );

  expect(reports).toBe(2);
  expect(counted).toBeGreaterThan(10 * 60 * 50 - 100);
});

test("people whom nobody knows, coming and going every second, make a report each half minute", () => {
  const reports = reportsWithin(4 * MS_PER_MINUTE, () =>
    book.take("relay", {
      sessions: [session(`${nowMs}`), session(`${nowMs}`, { ended: over })],
      attempts: [],
    }),
  );

  expect(reports).toBeLessThanOrEqual(9);
});

test("a busy session makes none but those of its beginning, its steps and its end", () => {
  book.take("relay", { sessions: [session("a", { login })], attempts: [] });
  let bytesIn = 0;

  const reports = reportsWithin(10 * MS_PER_MINUTE, () =>
    book.take("relay", { sessions: [session("a", { login, bytesIn: (bytesIn += 1e6) })], attempts: [] }),
  );

  expect(reports).toBe(1);
  book.take("relay", { sessions: [session("a", { login, bytesIn, ended: over })], attempts: [] });
  nowMs += 1_000;
  expect(book.reported.sessions).toMatchObject([{ bytesIn, ended: { by: "client" } }]);
});

test("a login is reported at once", () => {
  reportsWithin(5_000, () => book.take("relay", { sessions: [session(`${nowMs}`)], attempts: [] }));
  nowMs += 1_000;

  book.take("relay", { sessions: [session("in", { login })], attempts: [] });

  expect(book.reported.sessions.some((one) => one.login !== null)).toBe(true);
});

test("what is over outlives the process until it was taken, and what stood as open has ended with it", () => {
  book.take("relay", {
    sessions: [session("a", { login, ended: over }), session("b", { login })],
    attempts: [attempt("203.0.113.7")],
  });
  nowMs += 5 * MS_PER_MINUTE;
  book.tick();

  book = newBook();
  book.endUncarried();

  const reported = book.reported;
  expect(reported.sessions.map(({ sessionId, ended }) => [sessionId.slice(0, 9), ended?.by])).toEqual([
    ["session-a", "client"],
    ["session-b", "access-process"],
  ]);
  expect(reported.attempts).toMatchObject([{ from: "203.0.113.7", count: 1 }]);
  book.taken([
    ...reported.sessions.map(({ sessionId }) => sessionId),
    ...reported.attempts.map((one) => one.attemptsId),
  ]);
  book.tick();
  expect(newBook().reported).toEqual({ sessions: [], attempts: [], isWhole: true });
});

test("with a relay goes what that one carried, and nothing else", () => {
  book.take("one", { sessions: [session("a")], attempts: [] });
  book.take("other", { sessions: [session("b")], attempts: [] });

  book.relayEnded("one");

  expect(book.open.map(({ sessionId }) => sessionId.slice(0, 9))).toEqual(["session-b"]);
});

test("of a lease that nobody has ordered a relay is not believed, and of what is over it reports nothing more", () => {
  book.take("relay", { sessions: [session("a", { leaseId: "lease-2" as LeaseId })], attempts: [] });
  book.take("relay", { sessions: [session("b", { ended: over })], attempts: [] });
  book.take("relay", { sessions: [session("b")], attempts: [] });

  expect(book.open).toEqual([]);
});

test("a flood of sessions is bounded, the oldest go first, and the log states how many", () => {
  for (let each = 0; each < MAX_ENTRIES + 10; each += 1)
    book.take("relay", {
      sessions: [session(`${each}`, { ended: { ...over, wallMs: START_MS + each } })],
      attempts: [],
    });
  book.tick();

  const stored = store.book.read().sessions;

  expect(stored).toHaveLength(MAX_ENTRIES);
  expect(book.reported.sessions[0]?.ended?.at).toBe(new Date(START_MS + 10).toISOString());
  expect(log.lines.map(({ message }) => message).join()).toContain("forgotten untold");
});
