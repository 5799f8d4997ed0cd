import type { BootId, InstanceId, RunId } from "@remotegpu/shared/values/ids";
import {
  finishedMs,
  isOfRun,
  meteredRun,
  pidsToRead,
  processOfRun,
  unseenSpan,
} from "@remotegpu/agent/core/metering/metered-run";
import type { RunRecord } from "@remotegpu/agent/core/runs/run-record";
import type { UsageInterval } from "@remotegpu/agent/core/metering/usage-interval";
import type { InstanceSpec } from "@remotegpu/shared/instance/instance";
import { describe, expect, test } from "vitest";
import { desiredOf } from "../../../../support/samples/desired-instance.ts";

const BOOT = "11111111-1111-4111-8111-111111111111" as BootId;
const LATER_BOOT = "22222222-2222-4222-8222-222222222222" as BootId;
const now = { bootId: BOOT, nowMs: 100_000, wallMs: 0 };
const key = { runId: "run-1" as RunId, instanceId: "env-1" as InstanceId, placementEpoch: 2 };
const END = { phase: "stopped", problem: null, detail: "Over.", exitCode: 0, orderedBy: null } as const;

const record = (changes: Partial<RunRecord> = {}): RunRecord => ({
  ...key,
  specHash: "0".repeat(64),
  containerId: "c1",
  starts: 1,
  lastStart: null,
  gate: { bootId: BOOT, ms: 50_000 },
  trouble: null,
  stop: null,
  end: null,
  ...changes,
});
const open: UsageInterval = {
  runId: key.runId,
  bootId: BOOT,
  pid: 7,
  startTicks: 4_000,
  startMs: 60_000,
  endMs: 90_000,
  wallEndMs: 0,
  isOpen: true,
};

describe("the runtime's word for an end is taken", () => {
  // On the wall clock this is 100 s after its zero, so labels count seconds of this boot.
  const at = { ...now, wallMs: 100_000 };
  const label = (ms: number) => new Date(ms).toISOString();
  const lastSight = { wasUpSinceMs: 80_000, interval: open };

  test.each([
    { what: "of the process that was metered", startedMs: 60_000, endedMs: 95_000, ...lastSight, is: 95_000 },
    {
      what: "where nothing was metered",
      startedMs: 91_000,
      endedMs: 95_000,
      ...lastSight,
      interval: null,
      is: 95_000,
    },
    {
      what: "of a start that was labelled late",
      startedMs: 90_500,
      endedMs: 95_000,
      ...lastSight,
      is: 95_000,
    },
    { what: "not of a later process", startedMs: 90_501, endedMs: 95_000, ...lastSight, is: null },
    { what: "not from before it was seen up", startedMs: 60_000, endedMs: 79_999, ...lastSight, is: null },
    {
      what: "not where it was down",
      startedMs: 60_000,
      endedMs: 95_000,
      ...lastSight,
      wasUpSinceMs: null,
      is: null,
    },
  ])("$what", ({ startedMs, endedMs, wasUpSinceMs, interval, is }) => {
    const exit = { startedAt: label(startedMs), finishedAt: label(endedMs) };

    expect(finishedMs(exit, { wasUpSinceMs, interval }, at)).toBe(is);
  });

  test("not where it is no time", () => {
    const exit = { startedAt: label(60_000), finishedAt: "never" };

    expect(finishedMs(exit, lastSight, at)).toBeNull();
  });
});

describe("what was over before a process of it was seen counts by the runtime's word", () => {
  const at = { ...now, wallMs: 100_000 };
  const label = (ms: number) => new Date(ms).toISOString();
  const begun = record({ gate: null, lastStart: { bootId: BOOT, ms: 90_000 }, end: END });
  const ordered = (spec: Partial<InstanceSpec> = {}) => ({ spec: desiredOf("x", spec).spec });
  const spanOf = ({
    record: reported = begun,
    interval = null,
    order = ordered(),
    startedMs = 91_000,
    endedMs = 95_000,
    wasUpSinceMs = 80_000,
    finishedAt = label(endedMs),
  }: {
    record?: RunRecord;
    interval?: UsageInterval | null;
    order?: { spec: InstanceSpec } | null;
    startedMs?: number;
    endedMs?: number;
    wasUpSinceMs?: number | null;
    finishedAt?: string;
  }) =>
    unseenSpan(
      { startedAt: label(startedMs), finishedAt },
      { record: reported, interval, order, wasUpSinceMs },
      at,
    );

  test.each([
    { what: "from its start to its end", is: { startMs: 91_000, endMs: 95_000 } },
    { what: "from the start that it was told", startedMs: 90_000, is: { startMs: 90_000, endMs: 95_000 } },
    { what: "to this very look", endedMs: 100_000, is: { startMs: 91_000, endMs: 100_000 } },
    { what: "for a moment", startedMs: 95_000, is: { startMs: 94_999, endMs: 95_000 } },
    {
      what: "that the runtime was seen to call running",
      record: { ...begun, gate: { bootId: BOOT, ms: 91_500 } },
      is: { startMs: 91_000, endMs: 95_000 },
    },
    {
      what: "of a gate that opens with it",
      order: ordered({ gate: "running" }),
      is: { startMs: 91_000, endMs: 95_000 },
    },
    { what: "labelled late", startedMs: 95_500, is: { startMs: 94_999, endMs: 95_000 } },
  ])("$what", ({ is, ...reported }) => {
    expect(spanOf(reported)).toEqual(is);
  });

  test.each([
    { what: "labelled later than any runtime is", startedMs: 95_501 },
    { what: "from before it was told to start: that clock was set", startedMs: 89_999 },
    { what: "from before the runtime was seen up", wasUpSinceMs: 91_001 },
    { what: "where the runtime was down", wasUpSinceMs: null },
    { what: "beyond this look: that clock was set", endedMs: 100_001 },
    { what: "that is no time", finishedAt: "never" },
    { what: "that never began", startedMs: Date.parse("0001-01-01T00:00:00Z") },
    { what: "of a run that was metered", interval: { ...open, isOpen: false } },
    { what: "of a run that nobody orders any more", order: null },
    { what: "before its gang was released", order: ordered({ gate: "released" }) },
    { what: "of the last of several lives", record: { ...begun, starts: 2 } },
    { what: "whose start nobody saw", record: { ...begun, lastStart: null } },
    { what: "of another boot", record: { ...begun, lastStart: { bootId: LATER_BOOT, ms: 90_000 } } },
    {
      what: "that somebody had ordered to end",
      record: { ...begun, end: { ...END, orderedBy: "customer" as const } },
    },
    { what: "of a run that goes on", record: { ...begun, end: null } },
    {
      what: "that this host was stopping",
      record: { ...begun, stop: { cause: "gpu-failed", orderedBy: "limit", detail: "" } as const },
    },
  ])("not one $what", ({ what: _what, ...reported }) => {
    expect(spanOf(reported)).toBeNull();
  });
});

describe("which pids are checked, the first living one of which stands for the run", () => {
  test.each([
    {
      what: "the running container's, then the metered one's",
      containerPid: 9,
      interval: open,
      pids: [9, 7],
    },
    { what: "the running container's once", containerPid: 7, interval: open, pids: [7] },
    { what: "the metered one's, whatever the runtime says", containerPid: null, interval: open, pids: [7] },
    {
      what: "some of the group where nothing is being metered",
      containerPid: null,
      interval: { ...open, isOpen: false },
      pids: [21, 22],
    },
    {
      what: "some of the group after another boot",
      containerPid: null,
      interval: { ...open, bootId: LATER_BOOT },
      pids: [21, 22],
    },
    { what: "the group's after the container's", containerPid: 9, interval: null, pids: [9, 21, 22] },
    { what: "none where nothing is there", containerPid: null, interval: null, alive: [], pids: [] },
  ])("$what", ({ containerPid, interval, alive = [21, 22], pids }) => {
    expect(pidsToRead(interval, { containerPid, alive }, now)).toEqual(pids);
  });
});

describe("whether a run goes on", () => {
  const read = { pid: 9, startTicks: 5_000 };

  test.each([
    { what: "it does in the process that was read", read, alive: [], is: { alive: true, ...read } },
    {
      what: "it does, as what was metered, while anything of its group lives",
      read: null,
      alive: [21],
      is: { alive: true, pid: 7, startTicks: 4_000 },
    },
    { what: "it does not with an empty group", read: null, alive: [], is: { alive: false } },
    {
      what: "its end is not claimed while the runtime is about to say when it was",
      read: null,
      alive: [],
      isEndUntold: true,
      is: "unknown",
    },
    {
      what: "what was read lives, whatever is still to be told",
      read,
      alive: [],
      isEndUntold: true,
      is: { alive: true, ...read },
    },
    {
      what: "nobody can tell where something lives, nothing was metered, and what was read was gone",
      read: null,
      alive: [21],
      interval: null,
      is: "unknown",
    },
  ])("$what", ({ read: found, alive, isEndUntold = false, interval = open, is }) => {
    expect(processOfRun(interval, found, { alive, isEndUntold, now })).toEqual(is);
  });
});

describe("a living process is the run's", () => {
  test.each([
    { what: "in its group", process: { pid: 21, startTicks: 1 }, is: true },
    { what: "as the very one that was metered", process: { pid: 7, startTicks: 4_000 }, is: true },
    { what: "not by a pid that is another's by now", process: { pid: 7, startTicks: 4_001 }, is: false },
    { what: "not after another boot", process: { pid: 7, startTicks: 4_000 }, interval: null, is: false },
    { what: "not as a stranger", process: { pid: 99, startTicks: 4_000 }, is: false },
  ])("$what", ({ process, interval = open, is }) => {
    expect(isOfRun(process, interval, { alive: [21], now })).toBe(is);
  });
});

describe("from when a living process counts", () => {
  test.each([
    { what: "the gate, for a process older than it", startTicks: 4_000, gateMs: 50_000, sinceMs: 50_000 },
    { what: "its start, for one that came later", startTicks: 7_000, gateMs: 50_000, sinceMs: 70_010 },
  ])("$what", ({ startTicks, gateMs, sinceMs }) => {
    const seen = meteredRun(
      {
        record: record({ gate: { bootId: BOOT, ms: gateMs } }),
        interval: null,
        process: { alive: true, pid: 7, startTicks },
        finishedMs: null,
        unseen: null,
      },
      now,
    );

    expect(seen?.process).toEqual({ bootId: BOOT, pid: 7, startTicks, sinceMs, life: { state: "alive" } });
  });

  test("its start, when the gate opened in a boot before", () => {
    const seen = meteredRun(
      {
        record: record({ gate: { bootId: LATER_BOOT, ms: 99_000_000 } }),
        interval: null,
        process: { alive: true, pid: 7, startTicks: 3_000 },
        finishedMs: null,
        unseen: null,
      },
      now,
    );

    expect(seen?.process?.sinceMs).toBe(30_010);
  });
});

describe("a process that is not found alive", () => {
  test("ended when the runtime reports it", () => {
    const seen = meteredRun(
      { record: record(), interval: open, process: { alive: false }, finishedMs: 95_000, unseen: null },
      now,
    );

    expect(seen?.process).toMatchObject({ pid: 7, life: { state: "ended", finishedMs: 95_000 } });
  });

  test("is in doubt while /proc cannot be read", () => {
    const seen = meteredRun(
      { record: record(), interval: open, process: "unknown", finishedMs: null, unseen: null },
      now,
    );

    expect(seen?.process?.life).toEqual({ state: "unknown" });
  });

  test("is none when none was metered", () => {
    const seen = meteredRun(
      { record: record(), interval: null, process: { alive: false }, finishedMs: null, unseen: null },
      now,
    );

    expect(seen).toEqual({ ...key, process: null, isOver: false });
  });
});

describe("a run whose gate never opened", () => {
  const process = { alive: true, pid: 7, startTicks: 1 } as const;
  const sighting = { interval: null, process, finishedMs: null, unseen: null };

  test("is not metered while it may still open", () => {
    const waiting = record({ gate: null });

    expect(meteredRun({ ...sighting, record: waiting }, now)).toBeNull();
  });

  test("is closed with nothing when it is over", () => {
    const over = record({ gate: null, end: END });

    expect(meteredRun({ ...sighting, record: over }, now)).toEqual({ ...key, process: null, isOver: true });
  });

  test("is closed with what it ran unseen", () => {
    const over = record({ gate: null, end: END });
    const unseen = { startMs: 1, endMs: 2 };

    expect(meteredRun({ ...sighting, record: over, unseen }, now)).toEqual({
      ...key,
      process: null,
      isOver: true,
      unseen,
    });
  });
});

describe("cards", () => {
  const sighting = { interval: open, process: { alive: false } as const, finishedMs: null, unseen: null };
  const good = { kind: "good", settledMs: 5 } as const;
  const stopFor = (cause: "gpu-failed" | "gpu-missing" | "ordered") =>
    ({ cause, orderedBy: "limit", detail: "" }) as const;

  test("are passed on", () => {
    expect(meteredRun({ ...sighting, record: record(), cards: good }, now)?.cards).toEqual(good);
    expect(meteredRun({ ...sighting, record: record() }, now)?.cards).toBeUndefined();
  });

  test.each([
    ["gpu-failed", { kind: "lost", lastGoodMs: null }],
    ["gpu-missing", { kind: "lost", lastGoodMs: null }],
    ["ordered", good],
  ] as const)("that are well again mean nothing to a run stopped as %s", (cause, cards) => {
    expect(
      meteredRun({ ...sighting, record: record({ stop: stopFor(cause) }), cards: good }, now)?.cards,
    ).toEqual(cards);
  });
});
