/** The parts of the access process by themselves: its file, its conversation and its labels. */
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AccessAnswer, AccessList } from "@remotegpu/agent/access/control/control-messages";
import { ACCESS_FILE, openLeaseStore } from "@remotegpu/agent/access/store/lease-store";
import { ObservedLeases } from "@remotegpu/agent/access/leases/observed-leases";
import { assertNobody, RELAY_ID, StillPrivilegedError } from "@remotegpu/agent/access/relay/unprivileged";
import { bundleOf } from "@remotegpu/agent/process/bundle";
import { ConfigError, readConfig } from "@remotegpu/agent/config/config";
import { released } from "@remotegpu/agent/core/leases/lease";
import type { InstanceId, RunId, WorkloadId } from "@remotegpu/shared/values/ids";
import { MS_PER_HOUR, MS_PER_MINUTE } from "@remotegpu/shared/values/units";
import { heldLease } from "../../support/samples/lease-samples.ts";

describe("access.sqlite", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "rg-lease-store-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const open = () => openLeaseStore(folder).store;

  test("keeps leases, numbers, clock and reachable containers, and its clock never goes back", () => {
    const lease = heldLease("a", 20_001);
    const instance = {
      workloadId: "env-1" as WorkloadId,
      instanceId: "ins-1" as InstanceId,
      runId: "run-1" as RunId,
      openTo: { keySets: ["c-1"], passwordMark: null },
      pid: 42,
      startTicks: 7,
    };
    const store = open();
    store.write(5_000, { saved: [lease], numbers: { term: 2, generation: 3 } });
    store.write(4_000, {});
    store.keepReachable("boot", [instance]);
    store.close();

    const again = open();

    expect(again.leases()).toEqual({ leases: [lease], damaged: [] });
    expect([again.clockMs, again.numbers]).toEqual([5_000, { term: 2, generation: 3 }]);
    expect(again.reachable("boot")).toEqual([instance]);
    expect(again.reachable("another boot")).toEqual([]);
    again.close();
  });

  test("refuses one number for two leases, and gives it again once the first is released", () => {
    const store = open();
    const first = heldLease("a", 20_001);
    store.write(0, { saved: [first] });

    expect(() => store.write(0, { saved: [heldLease("b", 20_001)] })).toThrow(/UNIQUE/);
    store.write(0, { saved: [released(first, "ordered", 0)] });
    store.write(0, { saved: [heldLease("b", 20_001)] });

    expect(store.leases().leases.map(({ state }) => state)).toEqual(["released", "held"]);
    store.close();
  });

  test("a row whose bytes changed by themselves is dropped and named; the others stay", () => {
    const store = open();
    store.write(0, { saved: [heldLease("a", 20_001), heldLease("b", 20_002)] });
    store.close();
    const bare = new Database(join(folder, ACCESS_FILE));
    bare.exec("UPDATE leases SET entry = replace(entry, '20001', '20009') WHERE lease_id = 'a'");
    bare.close();

    const again = open();

    expect(again.leases()).toMatchObject({ leases: [{ leaseId: "b" }], damaged: ["a"] });
    expect(again.leases().damaged).toEqual([]);
    again.close();
  });

  test("a file that is no database is set aside, and a new one begun", () => {
    writeFileSync(
      join(folder, ACCESS_FILE),
      "no database at all, but long enough to be looked at as one".repeat(99),
    );
    copyFileSync(join(folder, ACCESS_FILE), join(folder, "before"));

    const { store, isReplaced } = openLeaseStore(folder);

    expect(isReplaced).toBe(true);
    expect(store.leases().leases).toEqual([]);
    expect(readdirSync(folder)).toContain(`${ACCESS_FILE}.damaged-1`);
    store.close();
  });
});

test("agent and access process understand each other across the versions of an upgrade", () => {
  const lease = { leaseId: "a", workloadId: "w", service: "custom", internalPort: 7000, want: "held" };
  const list = { kind: "list", serial: 1, term: 1, generation: 1, bundle: null, gateway: null };
  const instance = { workloadId: "w", instanceId: "i", pid: 42, startTicks: 7 };
  const messages = { kind: "held", serial: 1, refused: null, leases: [], gatewayPort: null };

  const heard = AccessList.parse({
    ...list,
    leases: [{ ...lease, autoReleaseHours: 1 }],
    instances: [instance],
  });
  expect(heard).toMatchObject({ instances: [instance], keySets: [], cuts: [], taken: [] });
  expect(heard.instances?.[0]?.openTo).toBeUndefined();
  expect(AccessAnswer.parse(messages)).toMatchObject({ access: { sessions: [], isWhole: false } });
});

describe("what is reported of a lease", () => {
  const WALL_MS = Date.UTC(2026, 0, 1, 12, 7, 31);
  const answerOf = () => null;
  const shutUntilMs = () => null;

  test("the last access to five minutes, and no release before its warning is due", () => {
    const lease = heldLease("a", 20_001, { lastAccessedWallMs: WALL_MS });

    expect(new ObservedLeases().of([lease], { nowMs: 0, wallMs: WALL_MS, answerOf, shutUntilMs })).toEqual([
      {
        leaseId: "a",
        workloadId: "env-1",
        state: "held",
        externalPort: 20_001,
        detail: "",
        lastAccessedAt: "2026-01-01T12:05:00.000Z",
        releaseDueAt: null,
        releasedBecause: null,
        bytesIn: 0,
        bytesOut: 0,
      },
    ]);
  });

  test("bytes in steps of five minutes, those of all leases together", () => {
    const observed = new ObservedLeases();
    const bytesAt = (wallMs: number, bytesIn: number) =>
      observed
        .of([heldLease("a", 20_001, { bytesIn }), heldLease("b", 20_002)], {
          nowMs: 0,
          wallMs,
          answerOf,
          shutUntilMs,
        })
        .map((lease) => lease.bytesIn);
    const step = Date.UTC(2026, 0, 1, 12, 5);

    expect(bytesAt(step, 10)).toEqual([10, 0]);
    expect(bytesAt(step + 5 * MS_PER_MINUTE - 1, 20)).toEqual([10, 0]);
    expect(bytesAt(step + 5 * MS_PER_MINUTE, 30)).toEqual([30, 0]);
  });

  test("a due release to the minute, and the same while the clocks drift a little", () => {
    const lease = heldLease("a", 20_001, { autoReleaseHours: 2 });
    const observed = new ObservedLeases();
    const dueAt = (nowMs: number, driftMs: number) =>
      observed.of([lease], { nowMs, wallMs: WALL_MS + nowMs + driftMs, answerOf, shutUntilMs })[0]
        ?.releaseDueAt;

    expect(dueAt(MS_PER_HOUR, 0)).toBeNull();
    expect(dueAt(2 * MS_PER_HOUR - 10 * MS_PER_MINUTE, 0)).toBe("2026-01-01T14:07:00.000Z");
    expect(dueAt(2 * MS_PER_HOUR - 5 * MS_PER_MINUTE, 40_000)).toBe("2026-01-01T14:07:00.000Z");
    expect(dueAt(2 * MS_PER_HOUR - MS_PER_MINUTE, 3 * MS_PER_MINUTE)).toBe("2026-01-01T14:10:00.000Z");
  });

  test("which warning is due, and whether somebody answers; neither where there is nothing to report", () => {
    const lease = heldLease("a", 20_001);
    const reported = (hours: number, answer: { isSeen: boolean; detail: string } | null) =>
      new ObservedLeases().of([lease], {
        nowMs: hours * MS_PER_HOUR,
        wallMs: WALL_MS,
        answerOf: () => answer,
        shutUntilMs,
      })[0];

    expect(reported(30, null)).not.toHaveProperty("releaseWarning");
    expect(reported(30, null)).not.toHaveProperty("answers");
    expect(reported(36, { isSeen: true, detail: "" })).toMatchObject({
      releaseWarning: "first",
      answers: { isSeen: true, detail: "" },
    });
    expect(reported(47, null)).toMatchObject({ releaseWarning: "last" });
  });

  test("until when strangers' passwords count for nothing, in steps, and as long as was reported", () => {
    const observed = new ObservedLeases();
    const step = Date.UTC(2026, 0, 1, 12, 5);
    const reportedAt = (wallMs: number, untilMs: number | null, state: "held" | "conflict" = "held") =>
      observed.of([heldLease("a", 20_001, { state })], {
        nowMs: 0,
        wallMs,
        answerOf,
        shutUntilMs: () => untilMs,
      })[0];
    const until = (time: string) =>
      `Too many guesses at its password: until 2026-01-01 ${time} UTC it opens from addresses that logged in within a week alone; keys and the web terminal always lead in.`;

    expect(reportedAt(step, null)?.detail).toBe("");
    expect(reportedAt(step, step + 2 * MS_PER_MINUTE)).toMatchObject({
      detail: until("12:10"),
      reason: { code: "password-guessed", params: { until: "2026-01-01 12:10" } },
    });
    expect(reportedAt(step + 2 * MS_PER_MINUTE, null)?.detail).toBe(until("12:10"));
    expect(reportedAt(step + 4 * MS_PER_MINUTE, step + 6 * MS_PER_MINUTE)?.detail).toBe(until("12:15"));
    expect(reportedAt(step + 5 * MS_PER_MINUTE, null, "conflict")?.detail).toBe("");
    expect(reportedAt(step + 10 * MS_PER_MINUTE, null)).not.toHaveProperty("reason");
    expect(until("12:10").length).toBeLessThanOrEqual(200);
  });

  test("a number that is only tried is not reported", () => {
    const lease = heldLease("a", 20_001, { state: "waiting", wasHeld: false });

    expect(new ObservedLeases().of([lease], { nowMs: 0, wallMs: 0, answerOf, shutUntilMs })).toMatchObject([
      { externalPort: null },
    ]);
  });
});

test.each([
  ["/opt/remotegpu/0.1.0-8d80b58411fd", "0.1.0-8d80b58411fd"],
  ["/root/remotegpu/agent/src", null],
  ["/opt/remotegpu/current", null],
])("code in %s is of bundle %s", (codeFolder, bundle) => {
  expect(bundleOf(codeFolder)).toBe(bundle);
});

describe("being nobody", () => {
  const ids = (id: number) => Array(4).fill(id).join("\t");
  const status = (changes: Record<string, string> = {}) =>
    Object.entries({
      Uid: ids(RELAY_ID),
      Gid: ids(RELAY_ID),
      Groups: " ",
      CapInh: "0000000000000000",
      CapPrm: "0000000000000000",
      CapEff: "0000000000000000",
      CapAmb: "0000000000000000",
      ...changes,
    })
      .map(([name, value]) => `${name}:\t${value}\n`)
      .join("");

  test("is what the kernel reports", () => {
    expect(() => assertNobody(status())).not.toThrow();
  });

  test.each([
    { Uid: `${RELAY_ID}\t0\t${RELAY_ID}\t${RELAY_ID}` },
    { Gid: ids(0) },
    { Groups: "0 27" },
    { CapPrm: "0000000000200000" },
    { CapEff: "0000000000200000" },
    { CapAmb: "0000000000000001" },
  ])("is not believed with %j", (changes) => {
    expect(() => assertNobody(status(changes))).toThrow(StillPrivilegedError);
  });
});

test.each(["30000-20000", "0-100", "20000-70000", "20000", "a-b"])(
  "the range %s is refused by name",
  (range) => {
    expect(() => readConfig({ REMOTEGPU_LEASE_PORTS: range })).toThrow(ConfigError);
    expect(() => readConfig({ REMOTEGPU_LEASE_PORTS: range })).toThrow(/REMOTEGPU_LEASE_PORTS/);
  },
);
