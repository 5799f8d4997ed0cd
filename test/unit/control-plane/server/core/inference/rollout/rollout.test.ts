import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RevisionReplica } from "@remotegpu/control-plane/server/core/inference/rollout/revision-replicas";
import {
  rolloutStep,
  type RolloutState,
} from "@remotegpu/control-plane/server/core/inference/rollout/rollout";
import { beginRollback, beginRollout } from "@remotegpu/control-plane/server/core/inference/rollout/versions";
import { asReported } from "@remotegpu/control-plane/server/core/reasons/reason";
import { type Manner, RollingService } from "../../../../../../support/rollout/rolling-service.ts";

const RUNS = Number(process.env.FUZZ_RUNS ?? 300);
const NO_GAP = { allowsGap: false };
const LONG = 400;

function upgraded(wanted: number, manner: Manner, { places = 100, allowsGap = false, seed = 1 } = {}) {
  const service = new RollingService(wanted, { 1: "good", 2: manner }, seed);
  service.places = places;
  service.begin(beginRollout(service.versions, 2, { allowsGap }));
  return service;
}

/** The first number of replicas of each phase. */
function replicas(
  revision: number,
  counts: Partial<Record<RevisionReplica["phase"], number>>,
): RevisionReplica[] {
  return Object.entries(counts).flatMap(([phase, count]) =>
    Array.from({ length: count }, () => ({
      revision,
      phase: phase as RevisionReplica["phase"],
      phaseForMs: 60_000,
      lacks: null,
      fault: null,
    })),
  );
}

function forward(change: Partial<RolloutState> = {}): RolloutState {
  return {
    versions: {
      serving: 1,
      previous: null,
      rollout: { target: 2, cause: null, allowsGap: false, gapFrom: null },
    },
    wanted: 3,
    replicas: replicas(1, { serving: 3 }),
    answers: new Map(),
    names: new Map(),
    ...change,
  };
}

describe("what is wanted of the old and the new revision", () => {
  const young = (revision: number) =>
    replicas(revision, { serving: 1 }).map((one) => ({ ...one, phaseForMs: 14_999 }));

  test.each<[string, Partial<RolloutState>, [number, number]]>([
    ["at first: one more, of the new one", {}, [3, 1]],
    [
      "while the first starts",
      { replicas: [...replicas(1, { serving: 3 }), ...replicas(2, { starting: 1 })] },
      [3, 1],
    ],
    [
      "while what serves of it is tried anew",
      { replicas: [...replicas(1, { serving: 1 }), ...young(2), ...young(2)] },
      [3, 2],
    ],
    ["while the first is tried", { replicas: [...replicas(1, { serving: 3 }), ...young(2)] }, [3, 1]],
    [
      "once it has served for 15 s",
      { replicas: replicas(1, { serving: 3 }).concat(replicas(2, { serving: 1 })) },
      [2, 2],
    ],
    [
      "once it has answered 50 requests",
      {
        replicas: [...replicas(1, { serving: 3 }), ...young(2)],
        answers: new Map([[2, { requests: 50, failed: 0 }]]),
      },
      [2, 2],
    ],
    [
      "half way",
      { replicas: [...replicas(1, { serving: 1 }), ...replicas(2, { serving: 2, starting: 1 })] },
      [1, 3],
    ],
    ["at the end", { replicas: [...replicas(1, { serving: 1 }), ...replicas(2, { serving: 3 })] }, [0, 3]],
    [
      "where one of the old does not serve, too",
      { replicas: [...replicas(1, { serving: 2, failing: 1 }), ...replicas(2, { serving: 1 })] },
      [2, 2],
    ],
    ["where none of the old is left", { wanted: 5, replicas: replicas(2, { serving: 3 }) }, [0, 5]],
    [
      "where more are wanted meanwhile",
      { wanted: 5, replicas: [...replicas(1, { serving: 2 }), ...replicas(2, { serving: 1 })] },
      [4, 2],
    ],
    [
      "where fewer are wanted meanwhile",
      { wanted: 1, replicas: [...replicas(1, { serving: 2 }), ...replicas(2, { serving: 1 })] },
      [0, 1],
    ],
    ["where none is wanted", { wanted: 0, replicas: [] }, [0, 0]],
  ])("%s", (_when, change, [old, next]) => {
    const { wanted } = rolloutStep(forward(change));

    expect([wanted.get(1) ?? 0, wanted.get(2) ?? 0]).toEqual([old, next]);
  });

  test("one that an upgrade has overtaken yields, what serves of it last", () => {
    const state = forward({
      replicas: [...replicas(1, { serving: 2 }), ...replicas(3, { serving: 1, starting: 1 })],
    });

    expect(rolloutStep(state).wanted).toEqual(
      new Map([
        [1, 2],
        [3, 1],
        [2, 1],
      ]),
    );
  });
});

test("of those that serve, the known revision's are retained before one's that was overtaken", () => {
  const state = forward({
    replicas: [
      ...replicas(1, { serving: 2 }),
      ...replicas(3, { serving: 2 }),
      ...replicas(2, { serving: 1 }),
    ],
  });

  expect(rolloutStep(state).wanted).toEqual(
    new Map([
      [1, 2],
      [2, 2],
    ]),
  );
});

describe("in a rollback what serves of the new revision", () => {
  const back = (old: RevisionReplica[]) => {
    const state = forward({ wanted: 2, replicas: [...old, ...replicas(2, { serving: 2, starting: 1 })] });
    const rollout = { target: 2, cause: asReported("It was called off."), allowsGap: false, gapFrom: null };
    return rolloutStep({ ...state, versions: { ...state.versions, rollout } }).wanted;
  };
  const waiting = replicas(1, { waiting: 2 });

  test.each<[string, RevisionReplica[], number | undefined]>([
    ["stays while none of the old one does", waiting, 2],
    ["goes one by one", replicas(1, { serving: 1, starting: 1 }), 1],
    ["goes once all of the old one do", replicas(1, { serving: 2 }), undefined],
    [
      "makes room for one where that has none",
      waiting.map((one) => ({ ...one, lacks: asReported("No card is free.") })),
      1,
    ],
  ])("%s", (_what, old, stored) => {
    const wanted = back(old);

    expect(wanted.get(1)).toBe(2);
    expect(wanted.get(2)).toBe(stored);
  });
});

describe("a good revision", () => {
  test.each([1, 3, 10])("takes the place of %i, and both versions change together", (wanted) => {
    const service = upgraded(wanted, "good");
    const seen = new Set<string>();
    for (let check = 0; check < LONG; check += 1) {
      service.check();
      seen.add(`${service.versions.serving} ${service.versions.previous}`);
    }

    expect(service.versions).toEqual({ serving: 2, previous: 1, rollout: null });
    expect(service.servingOf(2)).toBe(wanted);
    expect(service.presentOf()).toHaveLength(wanted);
    expect(service.leastServing).toBe(wanted);
    expect(service.mostPresent).toBe(wanted + 1);
    expect([...seen]).toEqual(["1 null", "2 1"]);
    expect(service.sentences.at(-1)).toBe("Version v2 has replaced v1.");
  });

  test("is rolled back in one step, and by two rollbacks it serves again", () => {
    const service = upgraded(3, "good").play(LONG);

    service.begin(beginRollback(service.versions));
    service.play(LONG);
    expect(service.versions).toEqual({ serving: 1, previous: 2, rollout: null });

    service.begin(beginRollback(service.versions));
    service.play(LONG);
    expect(service.versions).toEqual({ serving: 2, previous: 1, rollout: null });
  });

  test("takes its place in whatever is wanted after a stop", () => {
    const service = upgraded(3, "good").play(10);

    service.wanted = 0;
    service.play(20);
    expect(service.versions.rollout).not.toBeNull();

    service.wanted = 2;
    service.play(LONG);
    expect(service.versions).toMatchObject({ serving: 2, previous: 1 });
    expect(service.servingOf(2)).toBe(2);
  });
});

describe("a bad revision", () => {
  test.each<[Manner, string]>([
    ["never-ready", "It was not ready in time."],
    ["no-image", "No registry has its image."],
  ])("that is %s is taken back with the old one at full strength all the while", (manner, cause) => {
    const service = upgraded(3, manner).play(60);

    expect(service.versions).toEqual({ serving: 1, previous: null, rollout: null });
    expect(service.leastServing).toBe(3);
    expect(service.servingOf(1)).toBe(3);
    expect(service.presentOf()).toEqual([1, 1, 1]);
    expect(service.sentences.at(-1)).toBe(`Version v2 was taken back, and v1 serves as before: ${cause}`);
  });

  test("without an image is taken back as soon as that is known", () => {
    expect(upgraded(3, "no-image").play(3).versions.rollout).toBeNull();
  });

  test.each([1, 4])("whose answers are errors is taken back, and %i of the old one serve", (wanted) => {
    const service = upgraded(wanted, "errors").play(LONG);

    expect(service.versions).toEqual({ serving: 1, previous: null, rollout: null });
    expect(service.servingOf(1)).toBe(wanted);
    expect(service.leastServing).toBe(wanted);
    expect(service.sentences.at(-1)).toMatch(/serves as before: 32 % of its \d+ answers were errors/);
  });

  test("yields to the upgrade that mends it", () => {
    const service = new RollingService(3, { 1: "good", 2: "never-ready", 3: "good" }, 1);
    service.begin(beginRollout(service.versions, 2, NO_GAP));
    service.play(5);

    service.begin(beginRollout(service.versions, 3, NO_GAP));
    service.play(LONG);

    expect(service.versions).toEqual({ serving: 3, previous: 1, rollout: null });
    expect(service.leastServing).toBe(3);
  });
});

describe("without room for one more", () => {
  test("it waits and names what is missing", () => {
    const service = upgraded(3, "good", { places: 3 }).play(100);

    expect(service.servingOf(1)).toBe(3);
    expect(service.sentences.at(-1)).toBe(
      "Version v2 replaces v1: 0 of 3 replicas, and there is no room for another one (No host has a card that " +
        "is free). With allow_gap one of the old version makes room for it.",
    );
  });

  test.each([1, 3])("with allow_gap one of %i makes it, and never two", (wanted) => {
    const service = upgraded(wanted, "good", { places: wanted, allowsGap: true }).play(LONG);

    expect(service.versions).toEqual({ serving: 2, previous: 1, rollout: null });
    expect(service.leastServing).toBe(wanted - 1);
    expect(service.broken).toEqual([]);
  });

  test("with allow_gap what only waits makes no room for it", () => {
    const service = new RollingService(3, { 1: "good", 2: "good" }, 1);
    service.places = 3;
    service.wanted = 5;
    service.play(5);
    service.begin(beginRollout(service.versions, 2, { allowsGap: true }));

    service.play(LONG);

    expect(service.versions).toEqual({ serving: 2, previous: 1, rollout: null });
    expect(service.servingOf(2)).toBe(3);
    expect(service.leastServing).toBe(2);
  });

  test("a bad one goes back in the room that there is, also with allow_gap", () => {
    const service = upgraded(3, "never-ready", { places: 3, allowsGap: true }).play(LONG);

    expect(service.versions).toEqual({ serving: 1, previous: null, rollout: null });
    expect(service.servingOf(1)).toBe(3);
  });
});

describe("whatever comes", () => {
  const MANNERS: readonly Manner[] = ["good", "never-ready", "no-image", "errors"];
  const anyDeed = fc.oneof(
    fc.record({
      kind: fc.constant("upgrade" as const),
      target: fc.integer({ min: 1, max: 4 }),
      allowsGap: fc.boolean(),
    }),
    fc.record({ kind: fc.constant("rollback" as const) }),
    fc.record({ kind: fc.constant("scale" as const), wanted: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ kind: fc.constant("places" as const), places: fc.integer({ min: 1, max: 12 }) }),
  );
  type Deed = typeof anyDeed extends fc.Arbitrary<infer T> ? T : never;
  const anyHistory = fc.array(fc.tuple(anyDeed, fc.integer({ min: 1, max: 30 })), { maxLength: 10 });
  const anyManners = fc
    .tuple(...[2, 3, 4].map(() => fc.constantFrom(...MANNERS)))
    .map(([two = "good", three = "good", four = "good"]) => ({
      1: "good" as const,
      2: two,
      3: three,
      4: four,
    }));

  function play(service: RollingService, history: readonly (readonly [Deed, number])[]): void {
    for (const [deed, checks] of history) {
      if (deed.kind === "upgrade") service.begin(beginRollout(service.versions, deed.target, deed));
      else if (deed.kind === "rollback") service.begin(beginRollback(service.versions));
      else if (deed.kind === "scale") service.wanted = deed.wanted;
      else service.places = deed.places;
      service.play(checks);
    }
  }

  test("no step of it makes what serves fewer than is promised, however often whoever takes it dies", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        anyManners,
        anyHistory,
        fc.nat(),
        (wanted, manners, history, seed) => {
          const service = new RollingService(wanted, manners, seed);
          service.deaths = 30;
          service.failures = 5;

          play(service, history);

          expect(service.broken).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("in the end it is done or back, with as many as are wanted of what serves, and of nothing else", () => {
    fc.assert(
      fc.property(anyManners, anyHistory, fc.nat(), (manners, history, seed) => {
        const service = new RollingService(2, manners, seed);
        service.deaths = 30;
        play(service, history);
        service.deaths = 0;
        service.places = 100;
        service.wanted = 3;

        service.play(LONG);

        const { serving, rollout } = service.versions;
        expect(rollout).toBeNull();
        expect(service.presentOf()).toEqual([serving, serving, serving]);
        expect(manners[serving as keyof typeof manners]).toBe("good");
      }),
      { numRuns: RUNS },
    );
  });
});
