import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MS_PER_MINUTE, MS_PER_SECOND } from "@remotegpu/shared/values/units";
import { type Replica, serves } from "@remotegpu/control-plane/server/core/inference/replica";
import {
  replicasPlan as planOf,
  type ReplicasPlan,
  type ServiceState,
} from "@remotegpu/control-plane/server/core/inference/replicas";
import {
  aDrain,
  aDraining,
  aFailed,
  aReplica,
  aStarting,
  aWaiting,
} from "../../../../../support/samples/a-replica.ts";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import { asReported, type Reason } from "@remotegpu/control-plane/server/core/reasons/reason";

const service = (change: Partial<ServiceState> = {}): ServiceState => ({
  status: "running",
  wanted: 1,
  failures: 0,
  failedForMs: null,
  pauseMs: 0,
  drainMs: 600 * MS_PER_SECOND,
  ...change,
});
/** Of a service with one revision; how many are made, in place of of which. */
const replicasPlan = (
  state: ServiceState,
  replicas: readonly Replica[],
): Omit<ReplicasPlan, "creations"> & { creations: number } => {
  const wanted = new Map([[1, state.wanted]]);
  const whySurplus = (): Reason => ({ code: "replicas-scaled-down", params: { replicas: state.wanted } });
  const course = { wanted, known: 1, isTrying: false, sentence: null, whySurplus };
  const plan = planOf(state, replicas, course);
  return { ...plan, creations: plan.creations.reduce((sum, { count }) => sum + count, 0) };
};
const ranks = (leaving: readonly { rank: number }[]) => leaving.map(({ rank }) => rank);

const late = aStarting(0, {
  stateForMs: 11 * MS_PER_MINUTE,
  containerForMs: 11 * MS_PER_MINUTE,
  detail: asReported("GET / answered 503"),
});

describe("a service that is made", () => {
  test("makes its replicas, and runs from the first that serves on", () => {
    const being = service({ status: "creating", wanted: 2 });

    expect(replicasPlan(being, [])).toMatchObject({ creations: 2, becomes: null });
    expect(replicasPlan(being, [aStarting(0), aWaiting(1)])).toMatchObject({ creations: 0, becomes: null });
    expect(replicasPlan(being, [aStarting(0), aReplica(1)]).becomes).toEqual({
      status: "running",
      reason: null,
    });
  });

  test("is in error where no replica serves in time and no other starts, and does without all", () => {
    const plan = replicasPlan(service({ status: "creating", wanted: 2 }), [late, aWaiting(1)]);

    expect(inWords(plan.becomes)).toEqual({
      status: "error",
      reason: "Replica 0 on host host-0 was not ready within 600 seconds: GET / answered 503.",
    });
    expect(ranks(plan.leaving)).toEqual([0, 1]);
  });

  test.each([
    ["starts", aStarting(1)],
    ["fetches its image", aStarting(1, { state: "placed", containerForMs: null })],
    ["lies on a host that fell silent", aStarting(1, { silentForMs: 6 * MS_PER_MINUTE })],
  ])("loses one that is late alone, while another one %s, and has it replaced", (_, other) => {
    const plan = replicasPlan(service({ status: "creating", wanted: 2 }), [late, other]);

    expect(plan).toMatchObject({ becomes: null, failures: 1, pauseMs: 10 * MS_PER_SECOND });
    expect(ranks(plan.leaving)).toEqual([0]);
  });

  test("is in error where as many were late as it wants, though another one is tried", () => {
    const being = service({ status: "creating", wanted: 2, failures: 1 });

    const plan = replicasPlan(being, [late, aStarting(2)]);

    expect(inWords(plan.becomes)).toEqual({
      status: "error",
      reason:
        "Replica 0 on host host-0 was not ready within 600 seconds: GET / answered 503. It was failure 2 in a row, and no replica serves.",
    });
    expect(replicasPlan({ ...being, wanted: 3 }, [late, aStarting(2)]).becomes).toBeNull();
    expect(replicasPlan(being, [aFailed(0), aStarting(2)]).becomes).toBeNull();
    expect(replicasPlan({ ...being, status: "running" }, [late, aStarting(2)]).becomes).toBeNull();
  });

  test("is in error with the fifth that is late, though another one starts", () => {
    const being = service({ status: "creating", wanted: 2, failures: 4 });

    expect(inWords(replicasPlan(being, [late, aStarting(1)]).becomes?.reason)).toContain(
      "failure 5 in a row",
    );
  });

  test("is in error at once where its image is nowhere, though another one starts", () => {
    const nowhere = aFailed(0, { problem: "image-missing", detail: asReported("No registry has it") });

    for (const others of [[], [aStarting(1)], [late]])
      expect(
        inWords(replicasPlan(service({ status: "creating", wanted: 2 }), [nowhere, ...others]).becomes),
      ).toEqual({
        status: "error",
        reason: "Replica 0 failed: No registry has it.",
      });
  });

  test("waits for an image that is being fetched for longer than a replica may take to serve", () => {
    const fetching = aStarting(0, {
      containerForMs: null,
      stateForMs: 29 * MS_PER_MINUTE,
      placedForMs: 29 * MS_PER_MINUTE,
    });

    expect(replicasPlan(service({ status: "creating" }), [fetching])).toMatchObject({
      leaving: [],
      becomes: null,
    });
  });
});

describe("a replica that fails", () => {
  test("is done without, and replaced after a pause that grows with every failure in a row", () => {
    const pauses = [0, 1, 2, 3, 4, 5, 9].map(
      (failures) =>
        replicasPlan(service({ wanted: 2, failures, failedForMs: 1 }), [aFailed(0), aReplica(1)]).pauseMs,
    );

    expect(pauses).toEqual([10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * MS_PER_SECOND));
    const paused = service({ wanted: 2, failures: 1, pauseMs: 4_000 });
    expect(replicasPlan(paused, [aReplica(1)]).creations).toBe(0);
    expect(replicasPlan({ ...paused, pauseMs: 0 }, [aReplica(1)]).creations).toBe(1);
  });

  test("is forgotten once one that was made since has served for ten minutes, and for no other's sake", () => {
    const state = service({ failures: 4, failedForMs: 12 * MS_PER_MINUTE });
    const failuresWith = (placedForMs: number, servingForMs: number) =>
      replicasPlan(state, [aReplica(0, { placedForMs, servingForMs })]).failures;

    expect(failuresWith(11 * MS_PER_MINUTE, 10 * MS_PER_MINUTE)).toBe(0);
    expect(failuresWith(11 * MS_PER_MINUTE, 10 * MS_PER_MINUTE - 1)).toBe(4);
    // It served before the failure, and beside it.
    expect(failuresWith(12 * MS_PER_MINUTE, 12 * MS_PER_MINUTE)).toBe(4);
    expect(failuresWith(60 * MS_PER_MINUTE, 60 * MS_PER_MINUTE)).toBe(4);
  });

  test("that never serves beside a replica that does is made again later and later", () => {
    const pauses: (number | null)[] = [];
    let failures = 0;
    for (let nth = 0; nth < 7; nth += 1) {
      const state = service({
        wanted: 2,
        failures,
        failedForMs: failures === 0 ? null : 11 * MS_PER_MINUTE,
      });
      const plan = replicasPlan(state, [aReplica(0), { ...late, rank: 1 }]);
      pauses.push(plan.pauseMs);
      failures = plan.failures;
    }

    expect(pauses).toEqual([10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * MS_PER_SECOND));
  });

  test("for the fifth time in a row is the end of a service of which nothing serves, and of no other", () => {
    const state = service({ failures: 4, wanted: 2 });

    expect(inWords(replicasPlan(state, [aFailed(0), aStarting(1)]).becomes)).toMatchObject({
      status: "error",
      reason: "Replica 0 failed: It exited with code 1. It was failure 5 in a row, and no replica serves.",
    });
    expect(replicasPlan(state, [aFailed(0), aReplica(1)]).becomes).toBeNull();
  });

  test("its checks for ten minutes is replaced; one that is started again has time anew", () => {
    const failing = (minutes: number) =>
      aReplica(0, { serving: "no", servingForMs: minutes * MS_PER_MINUTE });

    expect(replicasPlan(service(), [failing(9)]).leaving).toEqual([]);
    expect(ranks(replicasPlan(service(), [failing(10)]).leaving)).toEqual([0]);
    expect(
      replicasPlan(service(), [aStarting(0, { hasServed: true, containerForMs: 90 * MS_PER_MINUTE })])
        .leaving,
    ).toEqual([]);
  });
});

describe("a replica that somebody stopped or lost has not failed, and is replaced at once:", () => {
  test.each([
    [
      "its host was emptied",
      aReplica(0, {
        state: "stopping",
        isOrdered: false,
        stopOrderedBy: "admin",
        stopReason: asReported("Host is taken out."),
      }),
    ],
    ["its host is lost", aReplica(0, { state: "lost", isHeld: false })],
    ["its host knows a later placement", aFailed(0, { isBehind: true })],
    ["its GPU failed", aFailed(0, { problem: "gpu-failed", isGpuFault: true })],
    [
      "it ended by itself on a GPU with a sign of failure",
      aFailed(0, { problem: "exited", isGpuFault: true }),
    ],
  ])("%s", (_, gone) => {
    const plan = replicasPlan(service(), [gone]);

    expect(plan).toMatchObject({ creations: 1, failures: 0, pauseMs: null });
    expect(ranks(plan.leaving)).toEqual([0]);
  });
});

describe("a replica on a silent host", () => {
  const silent = (minutes: number) => aReplica(0, { silentForMs: minutes * MS_PER_MINUTE });

  test("is left for five minutes, then another is made, and it goes once that has a place", () => {
    expect(replicasPlan(service(), [silent(4)])).toMatchObject({ creations: 0, leaving: [] });
    expect(replicasPlan(service(), [silent(5)])).toMatchObject({ creations: 1, leaving: [] });
    expect(replicasPlan(service(), [silent(6), aWaiting(1)])).toMatchObject({ creations: 0, leaving: [] });

    const placed = aStarting(1, { placedForMs: 2_000 });

    expect(replicasPlan(service(), [silent(6), placed]).leaving).toMatchObject([
      { rank: 0, freeForMs: 2_000 },
    ]);
  });

  test("that is heard again before goes on, and the other is not needed", () => {
    expect(ranks(replicasPlan(service(), [silent(0), aWaiting(1)]).leaving)).toEqual([1]);
  });

  test("is charged until now where one that is older makes up for it", () => {
    const plan = replicasPlan(service(), [silent(6), aReplica(1)]);

    expect(plan.leaving).toMatchObject([{ rank: 0, freeForMs: 0 }]);
  });
});

test("a replica on a host that is being emptied goes once another serves", () => {
  const emptied = aReplica(0, { emptied: asReported("Host host-0 is taken out of service.") });

  expect(replicasPlan(service(), [emptied])).toMatchObject({ creations: 1, leaving: [] });
  expect(replicasPlan(service(), [emptied, aStarting(1)])).toMatchObject({ creations: 0, leaving: [] });
  expect(inWords(replicasPlan(service(), [emptied, aReplica(1)]))).toMatchObject({
    draining: [{ rank: 0, why: "Host host-0 is taken out of service." }],
    leaving: [],
  });
});

test("of too many those go first that wait, then those that start, then those that do not serve, then the newest", () => {
  const all = [
    aReplica(0),
    aReplica(1),
    aReplica(2, { serving: "no", servingForMs: 0 }),
    aStarting(3),
    aWaiting(4),
  ];

  const plans = [4, 3, 2, 1, 0].map((wanted) => replicasPlan(service({ wanted }), all));

  expect(plans.map(({ leaving }) => ranks(leaving))).toEqual([[4], [4, 3], [4, 3], [4, 3], [4, 3]]);
  expect(plans.map(({ draining }) => ranks(draining))).toEqual([[], [], [2], [2, 1], [2, 1, 0]]);
});

describe("a replica that goes while it answers", () => {
  const done = aDrain({ gateways: [], streams: 0 });

  test("is drained: no other counts on it, and it goes once nothing is open there", () => {
    const draining = aDraining(1);

    expect(replicasPlan(service(), [aReplica(0), draining])).toMatchObject({
      creations: 0,
      draining: [],
      leaving: [],
    });
    expect(replicasPlan(service({ wanted: 2 }), [aReplica(0), draining])).toMatchObject({
      creations: 1,
      leaving: [],
    });
    expect(inWords(replicasPlan(service(), [aReplica(0), aDraining(1, done)]).leaving)).toEqual([
      { rank: 1, why: "Scaled down to 1.", freeForMs: 0, cause: "own", failure: null },
    ]);
  });

  test("is cut off when its time is up, and reports so", () => {
    const late = aDraining(1, { forMs: 600 * MS_PER_SECOND });

    expect(inWords(replicasPlan(service(), [aReplica(0), late]).leaving)).toMatchObject([
      { why: "Scaled down to 1. What was still open there after 600 seconds was cut off." },
    ]);
  });

  test("is not drained where its owner leaves it no time", () => {
    const plan = replicasPlan(service({ drainMs: 0 }), [aReplica(0), aReplica(1)]);

    expect([ranks(plan.draining), ranks(plan.leaving)]).toEqual([[], [1]]);
  });

  test.each([
    ["failed its checks for ten minutes", aReplica(1, { serving: "no", servingForMs: 10 * MS_PER_MINUTE })],
    ["ended", aFailed(1)],
    ["was stopped by somebody", aReplica(1, { isOrdered: false, stopOrderedBy: "admin" })],
    ["lies on a silent host that is made up for", aReplica(1, { silentForMs: 6 * MS_PER_MINUTE })],
  ])("is not drained where it %s", (_, gone) => {
    const plan = replicasPlan(service(), [aReplica(0), gone]);

    expect([ranks(plan.draining), ranks(plan.leaving)]).toEqual([[], [1]]);
  });

  test.each([
    ["ends", { state: "failed" as const }],
    ["is started again", { state: "starting" as const, serving: "not-yet" as const }],
    ["is stopped by somebody", { isOrdered: false }],
    ["is on a host that falls silent", { silentForMs: 5 * MS_PER_MINUTE }],
  ])("goes at once where it %s meanwhile", (_, place) => {
    const gone = aDraining(1, {}, place);

    expect(replicasPlan(service(), [aReplica(0), gone])).toMatchObject({
      failures: 0,
      leaving: [{ rank: 1 }],
    });
  });

  test("goes on though it fails its checks, or its host is emptied", () => {
    for (const place of [{ serving: "no" as const }, { emptied: asReported("Host is taken out.") }])
      expect(replicasPlan(service(), [aReplica(0), aDraining(1, {}, place)]).leaving).toEqual([]);
  });

  test("goes at once where its service stops", () => {
    const plan = replicasPlan(service({ status: "stopping", wanted: 0 }), [aReplica(0), aDraining(1)]);

    expect([ranks(plan.draining), ranks(plan.leaving)]).toEqual([[], [0, 1]]);
  });
});

describe("a service that stops", () => {
  test("has stopped when no host holds anything of it, also of what was done without before", () => {
    const stopping = service({ status: "stopping", wanted: 0 });

    expect(replicasPlan(stopping, [aReplica(0, {}, true)]).becomes).toBeNull();
    expect(replicasPlan(stopping, []).becomes).toEqual({ status: "stopped", reason: null });
  });

  test("does without whatever it has", () => {
    const plan = replicasPlan(service({ status: "error", wanted: 0 }), [aReplica(0), aWaiting(1)]);

    expect(ranks(plan.leaving)).toEqual([0, 1]);
    expect(plan).toMatchObject({ creations: 0, becomes: null });
  });
});

test("what does not serve is reported, and what waits is reported by whoever searches for places", () => {
  const three = service({ wanted: 3 });

  expect(inWords(replicasPlan(three, [aReplica(0), aReplica(1), aStarting(2)]).sentence)).toBe(
    "2 of 3 replicas serve.",
  );
  expect(replicasPlan(three, [aReplica(0), aReplica(1), aReplica(2)]).sentence).toBeNull();
  expect(replicasPlan(three, [aReplica(0), aReplica(1), aWaiting(2)]).sentence).toBeUndefined();
  expect(inWords(replicasPlan(service({ wanted: 0 }), []).sentence)).toBe(
    "Scaled to zero: no replica is wanted.",
  );
});

const someReplica = (rank: number): fc.Arbitrary<Replica> =>
  fc.constantFrom(
    aReplica(rank),
    aReplica(rank, { serving: "no", servingForMs: 1 }),
    aReplica(rank, { silentForMs: 6 * MS_PER_MINUTE }),
    aReplica(rank, { emptied: asReported("Host is taken out.") }),
    aStarting(rank),
    aStarting(rank, { emptied: asReported("Host is taken out.") }),
    aWaiting(rank),
    aFailed(rank),
    aReplica(rank, {}, true),
    aDraining(rank),
  );
const someReplicas = fc
  .nat(8)
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, rank) => someReplica(rank))));

describe("whatever its replicas are,", () => {
  const state = fc.record({
    status: fc.constantFrom("running" as const, "creating" as const),
    wanted: fc.nat(6),
    failures: fc.nat(3),
    failedForMs: fc.constantFrom(null, 1_000, 90 * MS_PER_MINUTE),
    pauseMs: fc.constantFrom(0, 1_000),
    drainMs: fc.constantFrom(0, 1_000),
  });

  test("a service never has more than it wants and those that are being replaced", () => {
    fc.assert(
      fc.property(state, someReplicas, (given, all) => {
        const { creations, draining, leaving } = replicasPlan(given, all);
        const going = [...ranks(leaving), ...ranks(draining)];
        const left = all.filter(
          ({ rank, isDismissed, drain }) => !isDismissed && drain === null && !going.includes(rank),
        );
        const moving = left.filter(
          ({ place }) => place !== null && (place.silentForMs > 0 || place.emptied !== null),
        );

        expect(left.length - moving.length + creations).toBeLessThanOrEqual(given.wanted);
      }),
    );
  });

  test("one that serves on a sound host goes only where more of them serve than are wanted", () => {
    const isSound = ({ place, isDismissed, drain }: Replica) =>
      !isDismissed && drain === null && place !== null && serves(place) && place.silentForMs === 0;
    fc.assert(
      fc.property(state, someReplicas, (given, all) => {
        const { draining, leaving, becomes } = replicasPlan(given, all);
        const going = [...ranks(leaving), ...ranks(draining)];
        const before = all.filter(isSound);
        const after = before.filter(({ rank }) => !going.includes(rank));

        expect(becomes?.status).not.toBe(before.length > 0 ? "error" : "nothing");
        expect(after.length).toBeGreaterThanOrEqual(Math.min(before.length, given.wanted));
      }),
    );
  });

  test("what was decided once and done calls for nothing more", () => {
    fc.assert(
      fc.property(state, someReplicas, (given, all) => {
        const plan = replicasPlan(given, all);
        if (plan.becomes?.status === "error") return;
        const gone = ranks(plan.leaving);
        const made = Array.from({ length: plan.creations }, (_, nth) => aWaiting(100 + nth));
        const next = {
          ...given,
          status: plan.becomes?.status ?? given.status,
          failures: plan.failures,
          failedForMs: plan.pauseMs === null ? given.failedForMs : 0,
          pauseMs: plan.pauseMs ?? given.pauseMs,
        };
        const drains = ranks(plan.draining);
        const left = all.map((one) => ({
          ...one,
          isDismissed: one.isDismissed || gone.includes(one.rank),
          drain: drains.includes(one.rank) ? aDrain() : one.drain,
        }));

        expect(replicasPlan(next, [...left, ...made])).toMatchObject({
          creations: 0,
          draining: [],
          leaving: [],
          becomes: null,
        });
      }),
    );
  });
});
