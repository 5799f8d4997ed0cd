import { describe, expect, test } from "vitest";
import { MS_PER_SECOND } from "@remotegpu/shared/values/units";
import type { Replica, ReplicaPlace } from "@remotegpu/control-plane/server/core/inference/replica";
import { servicePlan, type ServiceSight } from "@remotegpu/control-plane/server/core/inference/service-plan";
import type { Versions } from "@remotegpu/control-plane/server/core/inference/rollout/versions";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { inWords } from "../../../../../support/reasons/in-words.ts";
import {
  aDraining,
  aFailed,
  aReplica,
  aStarting,
  aWaiting,
} from "../../../../../support/samples/a-replica.ts";

const OLD = 1;
const NEW = 2;
const PENDING: Versions = {
  serving: OLD,
  previous: null,
  rollout: { target: NEW, cause: null, allowsGap: false, gapFrom: null },
};

function sight(
  wanted: number,
  replicas: readonly Replica[],
  change: Partial<ServiceSight> = {},
): ServiceSight {
  return {
    state: {
      status: "running",
      wanted,
      failures: 0,
      failedForMs: null,
      pauseMs: 0,
      drainMs: 600 * MS_PER_SECOND,
    },
    versions: PENDING,
    replicas,
    faults: [],
    answers: new Map(),
    names: new Map([
      [OLD, "v1"],
      [NEW, "v2"],
    ]),
    ...change,
  };
}

const of = (revision: number, replica: Replica): Replica => ({ ...replica, revision });
const serving = (rank: number, revision = OLD, place: Partial<ReplicaPlace> = {}) =>
  of(revision, aReplica(rank, place));
const going = (plan: ReturnType<typeof servicePlan>) =>
  [...plan.draining, ...plan.leaving].map(({ rank, why }) => [rank, inWords(why)] as const);

describe("a rollout", () => {
  test("makes one of the new version beside all of the old", () => {
    const plan = servicePlan(sight(2, [serving(0), serving(1)]));

    expect(plan.creations).toEqual([{ revision: NEW, count: 1 }]);
    expect(plan.leaving).toEqual([]);
    expect(inWords(plan.sentence)).toBe("Version v2 replaces v1: 0 of 2 replicas.");
  });

  test("lets one of the old go for each of the new that serves, once the first has for a while", () => {
    const fresh = serving(2, NEW, { servingForMs: 14 * MS_PER_SECOND });
    expect(going(servicePlan(sight(2, [serving(0), serving(1), fresh])))).toEqual([]);

    const tried = serving(2, NEW, { servingForMs: 15 * MS_PER_SECOND });
    const plan = servicePlan(sight(2, [serving(0), serving(1), tried]));

    expect(going(plan)).toEqual([[1, "Version v2 takes its place."]]);
    expect(plan.creations).toEqual([{ revision: NEW, count: 1 }]);
  });

  test("begins anew to be trusted where the first that serves fails its checks between", () => {
    const again = serving(1, NEW, { servingForMs: 1_000 });

    expect(servicePlan(sight(1, [serving(0), again])).ended).toBeNull();
  });

  test("is complete with the last of the old, and what failed before is forgotten", () => {
    const before = sight(1, [serving(1, NEW)]);

    const plan = servicePlan({ ...before, state: { ...before.state, failures: 3 } });

    expect(plan).toMatchObject({
      ended: "completed",
      failures: 0,
      versions: { serving: NEW, previous: OLD },
    });
  });

  test("goes back where a replica of the new version is hopeless, and nothing waits because of it", () => {
    const missing = of(
      NEW,
      aFailed(2, { problem: "image-missing", detail: asReported("No registry has it") }),
    );

    const plan = servicePlan(sight(2, [serving(0), serving(1), missing]));

    expect(inWords(plan)).toMatchObject({
      cause: "Replica 2 failed: No registry has it.",
      pauseMs: null,
      failures: 0,
      becomes: null,
    });
    expect(plan.leaving).toMatchObject([{ rank: 2, failure: "hopeless" }]);
  });

  test("counts those of the new version that failed before", () => {
    const faults = [1, 2].map((nth) => ({ why: asReported(`Fault ${nth}.`), isHopeless: false }));

    const plan = servicePlan(sight(1, [serving(0), of(NEW, aFailed(3))], { faults }));

    expect(inWords(plan.cause)).toBe("Replica 3 failed: It exited with code 1; it was fault 3.");
    expect(
      servicePlan(sight(1, [serving(0), of(NEW, aFailed(2))], { faults: faults.slice(1) })).cause,
    ).toBeNull();
  });

  test("goes on where nothing of the old version serves, however often that has failed", () => {
    const before = sight(1, [aFailed(0), of(NEW, aStarting(1))]);

    const plan = servicePlan({ ...before, state: { ...before.state, failures: 9 } });

    expect(plan.becomes).toBeNull();
    expect(plan.creations).toEqual([]);
    expect(plan.pauseMs).not.toBeNull();
  });

  test("names what the new one lacks, unless one that goes makes room for it", () => {
    const waiting = of(NEW, { ...aWaiting(1), lacks: asReported("No host has a GPU that is free.") });
    expect(inWords(servicePlan(sight(1, [serving(0), waiting])).sentence)).toContain(
      "No host has a GPU that is free",
    );

    const goes = of(OLD, aDraining(2));
    expect(inWords(servicePlan(sight(1, [serving(0), waiting, goes])).sentence)).toBe(
      "Version v2 replaces v1: 0 of 1 replica.",
    );
  });

  test("does not wait for what a silent host may hold for ever", () => {
    const waiting = of(NEW, { ...aWaiting(1), lacks: asReported("No host has a GPU that is free.") });
    const lost = { ...serving(2, OLD, { silentForMs: 600 * MS_PER_SECOND }), isDismissed: true };

    expect(inWords(servicePlan(sight(1, [serving(0), waiting, lost])).sentence)).toContain("no room");
  });

  test("stands still while nothing is wanted", () => {
    const before = sight(0, [serving(0), of(NEW, aStarting(1))]);

    const plan = servicePlan({ ...before, state: { ...before.state, status: "stopping" } });

    expect(plan).toMatchObject({ versions: PENDING, ended: null, creations: [] });
    expect(plan.leaving).toHaveLength(2);
  });
});

test("without a rollout replicas of what serves are made, and others make room for them", () => {
  const versions = { serving: NEW, previous: OLD, rollout: null };

  const plan = servicePlan(sight(2, [serving(0), serving(1, NEW), serving(2, NEW)], { versions }));

  expect(going(plan)).toEqual([[0, "Version v2 takes its place."]]);
  expect(plan.sentence).toBeNull();
});

test("one that was given up before it had a place has failed", () => {
  const versions = { serving: OLD, previous: null, rollout: null };
  const givenUp = { ...aWaiting(0), givenUp: asReported("There is no model 7 that you can mount.") };
  const before = sight(1, [givenUp], { versions });

  const plan = servicePlan({ ...before, state: { ...before.state, status: "creating" } });

  expect(inWords(plan.becomes)).toEqual({
    status: "error",
    reason: "There is no model 7 that you can mount.",
  });
});
