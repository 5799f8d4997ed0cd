/** When a fault of a drill counts as noticed, and what has to hold once it is over. */
import { expect, test } from "vitest";
import {
  type Drill,
  DRILL_LIMITS,
  type DrillSight,
  isNoticed,
  whatLacks,
} from "@remotegpu/agent/core/drill/drill-sight";
import type { AgentHealth } from "@remotegpu/agent/core/upgrade/health";
import type { DrillFault } from "@remotegpu/shared/messages/drill-report";
import type { BootId, InstanceId, RunId } from "@remotegpu/shared/values/ids";

const CANARY = "run-canary" as RunId;
const CARD = "GPU-1";
const HOUR_MS = 3_600_000;

const drill = (change: Partial<Drill> = {}): Drill => ({
  canary: CANARY,
  hasLiveRestore: true,
  card: { uuid: CARD, isCanarys: false },
  limits: DRILL_LIMITS,
  ...change,
});

const canaryAt = (pid: number | null) => ({
  instanceId: "env-1" as InstanceId,
  runId: CANARY,
  pid,
  startTicks: pid === null ? null : pid * 10,
  state: "running" as const,
});

const health = (change: Partial<AgentHealth> = {}): AgentHealth => ({
  version: "0.2.0",
  pid: 100,
  bootId: "boot" as BootId,
  agentEpoch: 1,
  startedMs: 0,
  readyMs: 1,
  writtenMs: 10_000,
  heartbeats: 5,
  controlPlane: "connected",
  ticks: 3,
  lastTickMs: 9_000,
  instances: [canaryAt(7)],
  unorderedEnds: 0,
  wallMs: 1_000_000,
  degraded: ["drill"],
  gpus: [{ uuid: CARD, state: "well" }],
  ...change,
});

/** Seen as it was written down. */
const sight = (change: Partial<AgentHealth> = {}, rest: Partial<DrillSight> = {}): DrillSight => ({
  nowMs: 10_000,
  wallMs: 1_000_000,
  health: health(change),
  canary: { hasEnded: false, meteredToMs: 9_000 },
  journal: { headSeq: 4, confirmedSeq: 4, broken: [] },
  leases: "[]",
  ...rest,
});

test.each<[string, DrillFault, Partial<AgentHealth>, boolean]>([
  ["an agent that is the same", "agent-kill", {}, false],
  ["another agent", "agent-kill", { pid: 101 }, true],
  ["a clock that goes right", "clock-jump", {}, false],
  ["a clock an hour ahead", "clock-jump", { wallMs: 1_000_000 + HOUR_MS }, true],
  [
    "a network that is away, before metering went on",
    "lost-network",
    { controlPlane: "away", ticks: 4 },
    false,
  ],
  ["a network that is away, two ticks later", "lost-network", { controlPlane: "away", ticks: 5 }, true],
  ["a network that is there", "lost-network", { ticks: 9 }, false],
  ["a disk with room", "disk-full", {}, false],
  ["a disk that is low", "disk-full", { degraded: ["disk-low"] }, true],
  ["a restart of the runtime, before metering went on", "runtime-restart", { ticks: 4 }, false],
  ["a restart of the runtime, two ticks later", "runtime-restart", { ticks: 5 }, true],
  ["a card that is closed", "lost-card", { gpus: [{ uuid: CARD, state: "closed" }] }, false],
  ["a card that is missing", "lost-card", { gpus: [{ uuid: CARD, state: "missing" }] }, true],
])("noticed: %s", (_what, fault, change, isSo) => {
  expect(isNoticed(fault, sight(), sight(change), drill())).toBe(isSo);
});

test("nothing is noticed by an agent that wrote nothing", () => {
  const none = sight({}, { health: null });

  expect(isNoticed("runtime-restart", sight(), none, drill())).toBe(false);
});

const lacking = (fault: DrillFault, now: DrillSight, change: Partial<Drill> = {}) =>
  whatLacks(fault, { before: sight(), over: sight(), now, drill: drill(change) })?.code ?? null;

test("nothing lacks where all is as before", () => {
  expect(lacking("disk-full", sight())).toBeNull();
});

test.each<[string, DrillFault, DrillSight, string]>([
  ["no health", "agent-kill", sight({}, { health: null }), "drill-agent-late"],
  ["an agent that is not ready", "agent-kill", sight({ readyMs: null }), "drill-agent-late"],
  ["a canary that is gone", "disk-full", sight({ instances: [] }), "drill-canary-gone"],
  ["a canary without a process", "disk-full", sight({ instances: [canaryAt(null)] }), "drill-canary-gone"],
  ["a canary of another process", "disk-full", sight({ instances: [canaryAt(8)] }), "drill-canary-restarted"],
  [
    "a meter that stood",
    "disk-full",
    sight({}, { canary: { hasEnded: false, meteredToMs: -1_000_000 } }),
    "drill-meter-stood",
  ],
  ["a disk that stays low", "disk-full", sight({ degraded: ["disk-low"] }), "drill-not-over"],
  ["a clock that stays ahead", "clock-jump", sight({ wallMs: 1_000_000 + HOUR_MS }), "drill-not-over"],
  [
    "a card that stays away",
    "lost-card",
    sight({ gpus: [{ uuid: CARD, state: "missing" }] }),
    "drill-not-over",
  ],
  ["a control plane that stays away", "lost-network", sight({ controlPlane: "away" }), "drill-cut-off"],
  [
    "a journal that nobody confirmed",
    "lost-network",
    sight({}, { journal: { headSeq: 9, confirmedSeq: 3, broken: [] } }),
    "drill-journal-behind",
  ],
  [
    "a journal that is broken",
    "agent-kill",
    sight({}, { journal: { headSeq: 4, confirmedSeq: 4, broken: ["chain"] } }),
    "drill-journal-broken",
  ],
  ["leases that changed", "agent-kill", sight({}, { leases: "[1]" }), "drill-leases-changed"],
])("lacking: %s", (_what, fault, now, code) => {
  expect(lacking(fault, now)).toBe(code);
});

test("without live restore the runtime's restart may restart the canary, and nothing else may", () => {
  const restarted = sight({ instances: [canaryAt(8)] });

  expect(lacking("runtime-restart", restarted, { hasLiveRestore: false })).toBeNull();
  expect(lacking("runtime-restart", restarted)).toBe("drill-canary-restarted");
  expect(lacking("agent-kill", restarted, { hasLiveRestore: false })).toBe("drill-canary-restarted");
});

test("a canary whose own card is lost has to end", () => {
  const card = { uuid: CARD, isCanarys: true };
  const ended = sight({ instances: [] }, { canary: { hasEnded: true, meteredToMs: null } });

  expect(lacking("lost-card", sight(), { card })).toBe("drill-canary-not-ended");
  expect(lacking("lost-card", ended, { card })).toBeNull();
});
